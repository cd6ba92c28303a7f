//! The program `hardcap`.

fn main() -> std::process::ExitCode {
    hardcap::cli::main()
}
