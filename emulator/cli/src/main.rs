//! The program `hardcap`.

fn main() -> std::process::ExitCode {
    hardcap_cli::command::main()
}
