//! The program `admin`, which manages the users of a proxy from a terminal. It is not deployed.

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::aws;
use crate::clock;
use crate::environment;
use crate::session::admin::{self, AdminError, Change};
use crate::session::dynamo::DynamoStore;
use crate::session::password;
use crate::session::store::{SessionStore, SessionStoreError, UserRecord};
use crate::session::{Role, UnknownRole};

const EXAMPLES: &str = "\
Examples:
  admin --table hardcap-SessionsTable --endpoint-url http://127.0.0.1:4566 add alice --role full
      under `hardcap up`; the password is generated and printed
  admin --table my-stack-SessionsTable-1ABC add bob --role read --password-stdin < password.txt
      on AWS, with the credentials of the environment or of a profile
  admin list --json

Results go to stdout, messages to stderr. Exit codes: 0 success, 1 failure, 2 wrong usage.";

/// Adds, lists and changes the users of a proxy. A password is read from standard input or generated; it is never an argument,
/// because every user of the machine can see arguments.
#[derive(Debug, Parser)]
#[command(name = "admin", after_help = EXAMPLES)]
struct Options {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// The table of users.
#[derive(Args, Debug)]
struct Place {
    /// Name of the table: the output `SessionsTable` of the stack. Default: SESSIONS_TABLE
    #[arg(long, global = true)]
    table: Option<String>,
    /// AWS region. Default: AWS_REGION, or the profile's region
    #[arg(long, global = true)]
    region: Option<String>,
    /// Endpoint instead of AWS's, such as http://127.0.0.1:4566. Default: AWS_ENDPOINT_URL
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Adds a user
    Add {
        /// The name
        name: String,
        /// `read` views and searches; `full` also changes
        #[arg(long, value_parser = role)]
        role: Role,
        /// Read the password from the first line of the standard input, instead of making one up
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists the users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sets a new password; the user's sessions end within five minutes
    SetPassword {
        /// The name
        name: String,
        /// Read the password from the first line of the standard input, instead of making one up
        #[arg(long)]
        password_stdin: bool,
    },
    /// Sets a new role, effective within five minutes
    SetRole {
        /// The name
        name: String,
        /// `read` or `full`
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Disables logins of a user; the user's sessions end within five minutes
    Disable {
        /// The name
        name: String,
    },
    /// Enables logins of a disabled user
    Enable {
        /// The name
        name: String,
    },
}

fn role(text: &str) -> Result<Role, UnknownRole> {
    text.parse()
}

/// Runs the program with the arguments of this process.
#[tokio::main]
pub async fn run() -> ExitCode {
    let options = Options::parse();
    let Some(table) =
        options.place.table.clone().or_else(|| environment::variable("SESSIONS_TABLE"))
    else {
        return failed("no table given: pass --table NAME or set SESSIONS_TABLE");
    };
    let Place { region, endpoint_url, .. } = options.place;
    let client = aws::dynamodb_of_terminal(region, endpoint_url).await;
    let store = DynamoStore::new(client, &table);
    let output = obey(&store, options.command).await;
    match output.and_then(|text| writeln!(io::stdout(), "{text}").map_err(CommandError::Stdout)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(problem: &str) -> ExitCode {
    // An error of stderr cannot be reported.
    let _ = writeln!(io::stderr(), "admin: {problem}");
    ExitCode::FAILURE
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Store(#[from] SessionStoreError),
    #[error("cannot read the password from standard input: {0}")]
    Stdin(io::Error),
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
}

/// Runs a command and returns its output.
async fn obey(store: &dyn SessionStore, command: Command) -> Result<String, CommandError> {
    let now = clock::epoch_millis() / 1000;
    let changed = |name: String, change: Change| async move {
        admin::change(store, &name, change, now).await
    };
    match command {
        Command::List { json } => {
            let users = store.users().await?;
            Ok(if json { as_json(&users) } else { as_table(&users) })
        }
        Command::Add { name, role, password_stdin } => {
            let password = Password::get(password_stdin)?;
            let user = admin::add(store, &name, role, &password.text, now).await?;
            Ok(password.told(&format!("added {} with the role {}", user.name, user.role)))
        }
        Command::SetPassword { name, password_stdin } => {
            let password = Password::get(password_stdin)?;
            let user = changed(name, Change::Password(password.text.clone())).await?;
            Ok(password.told(&format!("{} has a new password", user.name)))
        }
        Command::SetRole { name, role } => {
            let user = changed(name, Change::Role(role)).await?;
            Ok(format!("{} has the role {}", user.name, user.role))
        }
        Command::Disable { name } => {
            let user = changed(name, Change::Disable).await?;
            Ok(format!("{} can no longer log in", user.name))
        }
        Command::Enable { name } => {
            let user = changed(name, Change::Enable).await?;
            Ok(format!("{} can log in again", user.name))
        }
    }
}

struct Password {
    text: String,
    made_up: bool,
}

impl Password {
    fn get(from_stdin: bool) -> Result<Password, CommandError> {
        if !from_stdin {
            return Ok(Password { text: password::made_up(), made_up: true });
        }
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(CommandError::Stdin)?;
        let text = line.trim_end_matches(['\r', '\n']).to_owned();
        Ok(Password { text, made_up: false })
    }

    /// The output. A generated password is printed once and not stored.
    fn told(&self, what: &str) -> String {
        match self.made_up {
            true => format!("{what}; the password is\n{}", self.text),
            false => what.to_owned(),
        }
    }
}

fn as_json(users: &[UserRecord]) -> String {
    let users: Vec<_> = users
        .iter()
        .map(|user| json!({ "name": user.name, "role": user.role.name(), "enabled": user.enabled }))
        .collect();
    json!({ "users": users }).to_string()
}

fn as_table(users: &[UserRecord]) -> String {
    if users.is_empty() {
        return "there are no users yet; `add` adds one".to_owned();
    }
    let widest = users.iter().map(|user| user.name.len()).max().unwrap_or(0);
    let lines = users.iter().map(|user| {
        let disabled = if user.enabled { "" } else { "  disabled" };
        format!("{:widest$}  {}{disabled}", user.name, user.role)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::session::memory::MemoryStore;

    fn command(words: &[&str]) -> Command {
        let words = ["admin"].iter().chain(words);
        Options::try_parse_from(words).expect("the words are right").command
    }

    #[test]
    fn the_options_are_consistent_and_take_no_password() {
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        assert!(help.contains("--endpoint-url") && help.contains("Examples:"), "{help}");
        assert!(Options::try_parse_from(["admin", "add", "a", "--role", "admin"]).is_err());
        assert!(Options::try_parse_from(["admin", "add", "a", "--role", "read", "pass"]).is_err());
    }

    #[tokio::test]
    async fn users_are_added_listed_and_changed() {
        let store = MemoryStore::default();
        let empty = obey(&store, command(&["list"])).await.unwrap();
        assert_eq!(empty, "there are no users yet; `add` adds one");
        let added = obey(&store, command(&["add", "alice", "--role", "full"])).await.unwrap();
        let password = added.strip_prefix("added alice with the role full; the password is\n");
        let hash = store.tables().users["alice"].hash.clone();
        assert!(password::verify(password.expect(&added), Some(&hash)));
        obey(&store, command(&["disable", "alice"])).await.unwrap();
        assert_eq!(obey(&store, command(&["list"])).await.unwrap(), "alice  full  disabled");
        obey(&store, command(&["enable", "alice"])).await.unwrap();
        obey(&store, command(&["set-role", "alice", "read"])).await.unwrap();
        let json = obey(&store, command(&["list", "--json"])).await.unwrap();
        assert_eq!(json, r#"{"users":[{"name":"alice","role":"read","enabled":true}]}"#);
        let other = obey(&store, command(&["set-password", "alice"])).await.unwrap();
        assert!(other.contains("new password"), "{other}");
        let twice = obey(&store, command(&["add", "alice", "--role", "read"])).await.unwrap_err();
        assert!(twice.to_string().contains("already"), "{twice}");
    }
}
