//! How sessions are, and how the proxy is told.

use std::time::Duration;

use super::attempts::Bounds;
use super::{Cookies, Rules, rules};
use crate::environment::{Mistake, Reader, values};

/// The longest time for which the table is not asked about a session.
const RECHECK_MAX: u64 = 300;

/// Everything about logins that is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// The table of users, sessions and attempts.
    pub table: String,
    /// How sessions are.
    pub settings: Settings,
}

/// How sessions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a session lasts that nobody uses.
    pub idle: Duration,
    /// How long a session lasts at most.
    pub lifetime: Duration,
    /// For how long the answer of the table about a session is taken to hold.
    pub recheck: Duration,
    /// How the cookies travel.
    pub cookies: Cookies,
    /// How often somebody may try.
    pub bounds: Bounds,
    /// What each role may do.
    pub rules: Rules,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            idle: Duration::from_secs(3600),
            lifetime: Duration::from_secs(12 * 3600),
            recheck: Duration::from_secs(RECHECK_MAX),
            cookies: Cookies::HostOnly,
            bounds: Bounds { pair: 5, address: 30, user: 50, window: 900 },
            rules: Rules::default(),
        }
    }
}

/// Reads what is said of sessions; nothing where there is no table for them.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<SessionsConfig> {
    let table = reader.given("SESSIONS_TABLE", |text| Ok(text.to_owned()));
    let usual = Settings::default();
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
            "{} s is longer than SESSION_MAX_SECONDS lets any session last, {} s",
            idle.as_secs(),
            lifetime.as_secs()
        );
        reader.mistakes.push(Mistake { name: "SESSION_IDLE_SECONDS", problem });
    }
    let bounds = Bounds { pair, window: window.as_secs(), ..usual.bounds };
    let settings = Settings { idle, lifetime, recheck, cookies, bounds, rules };
    table.map(|table| SessionsConfig { table, settings })
}

fn recheck(text: &str) -> Result<u64, String> {
    match values::positive(text)? {
        seconds if seconds > RECHECK_MAX => Err(format!(
            "{seconds} s is more than {RECHECK_MAX} s: so long would a session outlive a logout elsewhere"
        )),
        seconds => Ok(seconds),
    }
}

fn cookies(text: &str) -> Result<Cookies, String> {
    match text {
        "plain-http" => Ok(Cookies::PlainHttp),
        _ => Err(format!(
            "`{text}` is not known; `plain-http` sends the cookies without TLS, for a browser on this machine alone; \
             leave it out for everything else"
        )),
    }
}
