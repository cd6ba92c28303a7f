//! The runtimes of Lambda with their dates of deprecation.
//!
//! From "Lambda runtimes" of the AWS Lambda developer guide, as cfn-lint 1.58.0 has the table in `LmbdRuntimeLifecycle.json`
//! (read on 2026-11-29). AWS has moved the dates of `create` and `update` before, so they are as of that day.

/// The day on which the table was read.
const AS_OF: &str = "2026-11-29";

/// A runtime's identifier and dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identifier {
    /// `python3.12`.
    name: &'static str,
    /// The day from which AWS creates no function with it, `YYYY-MM-DD`.
    no_create: &'static str,
    /// The day from which AWS updates none.
    no_update: &'static str,
}

const fn row(name: &'static str, no_create: &'static str, no_update: &'static str) -> Identifier {
    Identifier { name, no_create, no_update }
}

/// Every identifier that Lambda has accepted. .NET 9 is not among them: AWS has images of it, and no managed runtime.
const ALL: [Identifier; 46] = [
    row("dotnet10", "2028-12-14", "2029-01-15"),
    row("dotnet6", "2027-02-01", "2027-03-03"),
    row("dotnet8", "2027-02-01", "2027-03-03"),
    row("dotnetcore1.0", "2019-06-30", "2019-07-30"),
    row("dotnetcore2.0", "2019-04-30", "2019-05-30"),
    row("dotnetcore2.1", "2022-01-05", "2022-04-13"),
    row("dotnetcore3.1", "2023-04-03", "2023-05-03"),
    row("go1.x", "2024-02-08", "2027-03-03"),
    row("java11", "2027-07-31", "2027-08-31"),
    row("java17", "2027-07-31", "2027-08-31"),
    row("java21", "2029-07-31", "2029-08-31"),
    row("java25", "2029-07-31", "2029-08-31"),
    row("java8", "2024-02-08", "2027-03-03"),
    row("java8.al2", "2027-07-31", "2027-08-31"),
    row("nodejs", "2016-09-30", "2016-10-31"),
    row("nodejs10.x", "2021-07-30", "2022-02-14"),
    row("nodejs12.x", "2023-03-31", "2023-04-30"),
    row("nodejs14.x", "2024-01-09", "2027-03-03"),
    row("nodejs16.x", "2027-02-01", "2027-03-03"),
    row("nodejs18.x", "2027-02-01", "2027-03-03"),
    row("nodejs20.x", "2027-02-01", "2027-03-03"),
    row("nodejs22.x", "2027-06-01", "2027-07-01"),
    row("nodejs24.x", "2028-06-01", "2028-07-01"),
    row("nodejs4.3", "2020-02-03", "2020-03-05"),
    row("nodejs4.3-edge", "2019-03-31", "2019-04-30"),
    row("nodejs6.10", "2019-07-12", "2019-08-12"),
    row("nodejs8.10", "2020-02-04", "2020-03-06"),
    row("provided", "2024-02-08", "2027-03-03"),
    row("provided.al2", "2027-02-01", "2027-03-03"),
    row("provided.al2023", "2029-07-31", "2029-08-31"),
    row("python2.7", "2021-07-15", "2022-05-30"),
    row("python3.10", "2027-02-01", "2027-03-03"),
    row("python3.11", "2027-07-31", "2027-08-31"),
    row("python3.12", "2028-11-30", "2029-01-10"),
    row("python3.13", "2029-07-31", "2029-08-31"),
    row("python3.14", "2029-07-31", "2029-08-31"),
    row("python3.6", "2022-07-18", "2022-08-29"),
    row("python3.7", "2024-01-09", "2027-03-03"),
    row("python3.8", "2027-02-01", "2027-03-03"),
    row("python3.9", "2027-02-01", "2027-03-03"),
    row("ruby2.5", "2021-07-30", "2022-03-31"),
    row("ruby2.7", "2024-01-09", "2027-03-03"),
    row("ruby3.2", "2027-02-01", "2027-03-03"),
    row("ruby3.3", "2027-04-30", "2027-05-31"),
    row("ruby3.4", "2028-04-30", "2028-05-31"),
    row("ruby4.0", "2029-04-30", "2029-05-31"),
];

/// The standing of a runtime on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is accepted.
    Accepted,
    /// Existing functions can be updated. New ones are refused since this day.
    NoCreate(&'static str),
    /// New functions and updates are refused, since this day.
    NoUpdate(&'static str),
    /// The runtime does not exist.
    Unknown,
}

/// The standing of a runtime on a day, `YYYY-MM-DD`; `current` is the day on which the table was read.
pub fn standing(runtime: &str, day: &str) -> Standing {
    let day = if day == "current" { AS_OF } else { day };
    let found = ALL.iter().find(|row| row.name == runtime);
    match found {
        None => Standing::Unknown,
        Some(row) if row.no_update <= day => Standing::NoUpdate(row.no_update),
        Some(row) if row.no_create <= day => Standing::NoCreate(row.no_create),
        Some(_) => Standing::Accepted,
    }
}

/// A change of a function, which AWS refuses for certain runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// CreateFunction with this runtime.
    Create,
    /// UpdateFunctionConfiguration to this runtime. Without a runtime in the request, AWS changes other settings of a function
    /// with any runtime (tried by Classmethod on 2025-12-03).
    Configure,
    /// UpdateFunctionCode of a function with this runtime. AWS refuses it in the last phase only (tried by Classmethod on
    /// 2025-12-03).
    Code,
}

/// AWS's text for a change that it refuses on a day because of the runtime.
pub fn refusal(runtime: &str, day: &str, change: Change) -> Option<String> {
    match (standing(runtime, day), change) {
        (Standing::NoUpdate(_), _) | (Standing::NoCreate(_), Change::Create) => {
            Some(retired(runtime))
        }
        (Standing::Unknown, Change::Create | Change::Configure) => Some(unknown(runtime)),
        (Standing::Accepted | Standing::NoCreate(_) | Standing::Unknown, _) => None,
    }
}

/// AWS's text for a runtime that it no longer accepts: reported for python3.7 on 2025-01-20 (vittorio-nardone/disposable_app#3),
/// recorded for eight runtimes on 2026-01-12 (LocalStack's snapshots of AWS). Until November 2024 the text named a successor
/// instead of "a supported runtime".
pub fn retired(runtime: &str) -> String {
    format!(
        "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend \
         you use a supported runtime while creating or updating functions."
    )
}

/// AWS's text for a runtime that does not exist, recorded on 2026-01-12 (LocalStack's snapshots of AWS). The set is that of the
/// recording: other days have other sets.
pub fn unknown(runtime: &str) -> String {
    format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, \
         python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, \
         ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, \
         provided.al2, java8.al2] or be a valid ARN"
    )
}

/// All names, for a suggestion.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_accepted_until_the_day_on_which_aws_blocks_it() {
        for (runtime, day, standing_then) in [
            ("python3.11", "2026-11-29", Standing::Accepted),
            ("python2.7", "2021-07-14", Standing::Accepted),
            ("python2.7", "2021-07-15", Standing::NoCreate("2021-07-15")),
            ("python2.7", "2022-05-29", Standing::NoCreate("2021-07-15")),
            ("python2.7", "2022-05-30", Standing::NoUpdate("2022-05-30")),
            ("go1.x", "2026-11-29", Standing::NoCreate("2024-02-08")),
            ("provided.al2023023", "2026-11-29", Standing::Unknown),
            ("dotnet9", "2026-11-29", Standing::Unknown),
            ("", "2026-11-29", Standing::Unknown),
            ("nodejs22.x", "current", Standing::Accepted),
            ("ruby2.5", "current", Standing::NoUpdate("2022-03-31")),
        ] {
            assert_eq!(standing(runtime, day), standing_then, "{runtime} on {day}");
        }
    }

    #[test]
    fn creation_is_refused_first_and_changes_of_functions_that_exist_later() {
        let refused = |runtime: &str, day: &str| {
            let is_refused = |change| refusal(runtime, day, change).is_some();
            [Change::Create, Change::Configure, Change::Code].map(is_refused)
        };
        assert_eq!(refused("python3.6", "2022-07-17"), [false, false, false]);
        assert_eq!(refused("python3.6", "2022-07-18"), [true, false, false]);
        assert_eq!(refused("python3.6", "2022-08-28"), [true, false, false]);
        assert_eq!(refused("python3.6", "2022-08-29"), [true, true, true]);
        assert_eq!(refused("foo", "current"), [true, true, false]);
        assert_eq!(refused("python3.13", "current"), [false, false, false]);
    }
}
