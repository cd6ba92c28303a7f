//! The settings of sessions, and the variables that set them.

use std::time::Duration;

use super::attempts::LoginLimits;
use super::{Cookies, Rules, rules};
use crate::environment::values::ValueError;
use crate::environment::{Reader, VariableError, values};

/// The longest interval between reads of the table for one session, in seconds.
const RECHECK_MAX: u64 = 300;

/// The configuration of logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// The table of users, sessions and attempts.
    pub table: String,
    /// The settings of sessions.
    pub settings: SessionSettings,
}

/// The settings of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// The lifetime of an unused session.
    pub idle: Duration,
    /// The maximum lifetime of a session.
    pub lifetime: Duration,
    /// The time for which a session is cached before the table is read again.
    pub recheck: Duration,
    /// The attributes of the cookies.
    pub cookies: Cookies,
    /// The limits of login attempts.
    pub bounds: LoginLimits,
    /// The access rules.
    pub rules: Rules,
}

impl Default for SessionSettings {
    fn default() -> SessionSettings {
        SessionSettings {
            idle: Duration::from_secs(3600),
            lifetime: Duration::from_secs(12 * 3600),
            recheck: Duration::from_secs(RECHECK_MAX),
            cookies: Cookies::HostOnly,
            bounds: LoginLimits { pair: 5, address: 30, user: 50, window: 900 },
            rules: Rules::default(),
        }
    }
}

/// Reads the configuration of sessions; `None` without a table.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<SessionsConfig> {
    let table = reader.given("SESSIONS_TABLE", values::text);
    let usual = SessionSettings::default();
    let mut seconds = |name, usual: Duration| {
        reader.given(name, values::positive).map_or(usual, Duration::from_secs)
    };
    let idle = seconds("SESSION_IDLE_SECONDS", usual.idle);
    let lifetime = seconds("SESSION_MAX_SECONDS", usual.lifetime);
    let window = seconds("LOGIN_WINDOW_SECONDS", Duration::from_secs(usual.bounds.window));
    let recheck = reader.given("SESSION_RECHECK_SECONDS", recheck);
    let recheck = recheck.map_or(usual.recheck, Duration::from_secs).min(idle / 2);
    let pair = reader.given("LOGIN_ATTEMPTS", values::positive).unwrap_or(usual.bounds.pair);
    let cookies = reader.given("SESSION_COOKIES", cookies).unwrap_or(usual.cookies);
    let dashboards = reader.optional("DASHBOARDS_PATHS", rules::DASHBOARDS, rules::places);
    let rules = reader.optional("ACCESS_RULES", "", |text| Rules::read_at(text, &dashboards));
    if idle > lifetime {
        let problem = format!(
            "{} s is longer than SESSION_MAX_SECONDS, {} s",
            idle.as_secs(),
            lifetime.as_secs()
        );
        reader.errors.push(VariableError { name: "SESSION_IDLE_SECONDS", problem });
    }
    let bounds = LoginLimits { pair, window: window.as_secs(), ..usual.bounds };
    let settings = SessionSettings { idle, lifetime, recheck, cookies, bounds, rules };
    table.map(|table| SessionsConfig { table, settings })
}

/// Why a setting of sessions is invalid.
#[derive(Debug, thiserror::Error)]
enum SettingError {
    /// The number.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The interval exceeds its maximum.
    #[error(
        "{0} s is more than {RECHECK_MAX} s, the longest time that a session may outlive a logout elsewhere"
    )]
    Recheck(u64),
    /// `SESSION_COOKIES`.
    #[error(
        "`{0}` is not valid; use `plain-http` only for a browser on this machine, which sends the cookies without TLS; \
         leave the variable unset otherwise"
    )]
    Cookies(String),
}

fn recheck(text: &str) -> Result<u64, SettingError> {
    match values::positive(text)? {
        seconds if seconds > RECHECK_MAX => Err(SettingError::Recheck(seconds)),
        seconds => Ok(seconds),
    }
}

fn cookies(text: &str) -> Result<Cookies, SettingError> {
    match text {
        "plain-http" => Ok(Cookies::PlainHttp),
        _ => Err(SettingError::Cookies(text.to_owned())),
    }
}
