//! The session store in DynamoDB: one table with the partition key `pk` (a string) and the time to live in `forget`.
//!
//! | `pk` | what |
//! | --- | --- |
//! | `session/` and a hash | a session: `sealed`, `seen`, `forget` |
//! | `user/` and a name | a user: `hash`, `role`, `enabled`, `stamp`, `changed` |
//! | `attempts/` and a hash | attempts to log in: `attempts`, `ends`, `forget` |

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::store::{
    AttemptCount, EpochSeconds, Expected, SessionRecord, SessionStore, SessionStoreError,
    StoreFuture, UserRecord,
};
use crate::aws;
use crate::causes::with_causes;

/// The timeout of one attempt of a call, and of all attempts together. A login waits for it.
const ATTEMPT_MAX: Duration = Duration::from_secs(2);
const CALL_MAX: Duration = Duration::from_secs(6);

/// A DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoStore {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: &str) -> DynamoStore {
        DynamoStore { client, table: table.to_owned() }
    }

    /// The table of this name, at the endpoint of the environment.
    pub async fn of(table: &str, region: &str) -> DynamoStore {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_MAX)
            .operation_timeout(CALL_MAX)
            .build();
        let config = aws_sdk_dynamodb::config::Builder::from(&aws::shared(region).await)
            .timeout_config(timeouts)
            .build();
        DynamoStore::new(Client::from_conf(config), table)
    }

    async fn get(&self, key: String) -> Result<Option<Item>, SessionStoreError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(key))
            .consistent_read(true);
        Ok(get.send().await.map_err(outage("GetItem"))?.item)
    }

    async fn delete(&self, key: String) -> Result<(), SessionStoreError> {
        let delete = self.client.delete_item().table_name(&self.table).key("pk", text(key));
        delete.send().await.map_err(outage("DeleteItem"))?;
        Ok(())
    }

    /// Counts an attempt within the current window; `None` if there is none.
    async fn count_on(
        &self,
        key: &str,
        now: EpochSeconds,
    ) -> Result<Option<AttemptCount>, SessionStoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(attempts_key(key)))
            .update_expression("ADD attempts :one")
            .condition_expression("ends > :now")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now))
            .return_values(ReturnValue::AllNew);
        match met(update.send().await, "UpdateItem")? {
            Some(output) => read_attempts(output.attributes.unwrap_or_default()).map(Some),
            None => Ok(None),
        }
    }

    /// Begins a window; `None` if a concurrent attempt has begun one.
    async fn count_anew(
        &self,
        key: &str,
        now: EpochSeconds,
        window: u64,
    ) -> Result<Option<AttemptCount>, SessionStoreError> {
        let ends = now.saturating_add(window);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(attempts_key(key)))
            .item("attempts", number(1))
            .item("ends", number(ends))
            .item("forget", number(ends))
            .condition_expression("attribute_not_exists(pk) OR ends <= :now")
            .expression_attribute_values(":now", number(now));
        let begun = met(put.send().await, "PutItem")?;
        Ok(begun.map(|_| AttemptCount { count: 1, ends }))
    }
}

impl SessionStore for DynamoStore {
    fn session<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<SessionRecord>> {
        Box::pin(async move {
            let item = self.get(session_key(key)).await?;
            item.as_ref().map(read_session).transpose()
        })
    }

    fn keep<'a>(&'a self, key: &'a str, kept: SessionRecord) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", text(session_key(key)))
                .item("sealed", AttributeValue::B(Blob::new(kept.sealed)))
                .item("seen", number(kept.seen))
                .item("forget", number(kept.forget));
            put.send().await.map_err(outage("PutItem"))?;
            Ok(())
        })
    }

    fn touch<'a>(&'a self, key: &'a str, seen: EpochSeconds) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(session_key(key)))
                .update_expression("SET seen = :seen")
                // Without the condition the write would restore a revoked session.
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":seen", number(seen));
            Ok(met(update.send().await, "UpdateItem")?.is_some())
        })
    }

    fn revoke<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.delete(session_key(key)))
    }

    fn user<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Option<UserRecord>> {
        Box::pin(async move {
            let item = self.get(user_key(name)).await?;
            item.as_ref().map(read_user).transpose()
        })
    }

    fn users(&self) -> StoreFuture<'_, Vec<UserRecord>> {
        Box::pin(async move {
            let mut users = Vec::new();
            let mut from = None;
            loop {
                let scan = self
                    .client
                    .scan()
                    .table_name(&self.table)
                    .filter_expression("begins_with(pk, :user)")
                    .expression_attribute_values(":user", text(user_key("")))
                    .set_exclusive_start_key(from);
                let page = scan.send().await.map_err(outage("Scan"))?;
                for item in page.items() {
                    users.push(read_user(item)?);
                }
                from = page.last_evaluated_key;
                if from.is_none() {
                    break;
                }
            }
            users.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(users)
        })
    }

    fn write_user<'a>(
        &'a self,
        user: &'a UserRecord,
        before: Expected<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", text(user_key(&user.name)))
                .item("hash", text(&user.hash))
                .item("role", text(user.role.name()))
                .item("enabled", AttributeValue::Bool(user.enabled))
                .item("stamp", text(&user.stamp))
                .item("changed", number(user.changed));
            let put = match before {
                Expected::Absent => put.condition_expression("attribute_not_exists(pk)"),
                Expected::Unchanged(then) => put
                    .condition_expression("stamp = :stamp AND #role = :role AND enabled = :enabled")
                    .expression_attribute_names("#role", "role")
                    .expression_attribute_values(":stamp", text(&then.stamp))
                    .expression_attribute_values(":role", text(then.role.name()))
                    .expression_attribute_values(":enabled", AttributeValue::Bool(then.enabled)),
            };
            Ok(met(put.send().await, "PutItem")?.is_some())
        })
    }

    fn count<'a>(
        &'a self,
        key: &'a str,
        now: EpochSeconds,
        window: u64,
    ) -> StoreFuture<'a, AttemptCount> {
        Box::pin(async move {
            // A concurrent attempt may begin the window between the two writes; then the second round finds it.
            for _ in 0..2 {
                if let Some(attempts) = self.count_on(key, now).await? {
                    return Ok(attempts);
                }
                if let Some(attempts) = self.count_anew(key, now, window).await? {
                    return Ok(attempts);
                }
            }
            Err(SessionStoreError(
                "the attempts cannot be counted because of concurrent writes".to_owned(),
            ))
        })
    }

    fn uncount<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(attempts_key(key)))
                .update_expression("ADD attempts :minus")
                .condition_expression("attempts > :none")
                .expression_attribute_values(":minus", AttributeValue::N("-1".to_owned()))
                .expression_attribute_values(":none", number(0));
            met(update.send().await, "UpdateItem")?;
            Ok(())
        })
    }

    fn forgive<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.delete(attempts_key(key)))
    }
}

fn session_key(key: &str) -> String {
    format!("session/{key}")
}

fn user_key(name: &str) -> String {
    format!("user/{name}")
}

fn attempts_key(key: &str) -> String {
    format!("attempts/{key}")
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The output of a conditional write; `None` if the condition was not met.
fn met<T, E, R>(
    sent: Result<T, SdkError<E, R>>,
    what: &'static str,
) -> Result<Option<T>, SessionStoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match sent {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(outage(what)(error)),
    }
}

fn outage<E, R>(what: &'static str) -> impl Fn(SdkError<E, R>) -> SessionStoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    move |error| match (error.code(), error.message()) {
        (Some(code), Some(message)) => SessionStoreError(format!("{what}: {code}: {message}")),
        (Some(code), None) => SessionStoreError(format!("{what}: {code}")),
        _ => SessionStoreError(format!("{what}: {}", with_causes(&error))),
    }
}

fn read_session(item: &Item) -> Result<SessionRecord, SessionStoreError> {
    let kept = || {
        Some(SessionRecord {
            sealed: item.get("sealed")?.as_b().ok()?.as_ref().to_vec(),
            seen: whole(item, "seen")?,
            forget: whole(item, "forget")?,
        })
    };
    kept().ok_or_else(|| SessionStoreError("a session lacks sealed, seen or forget".to_owned()))
}

fn read_user(item: &Item) -> Result<UserRecord, SessionStoreError> {
    let of = |name: &str| item.get(name)?.as_s().ok();
    let user = || {
        Some(UserRecord {
            name: of("pk")?.strip_prefix("user/")?.to_owned(),
            hash: of("hash")?.clone(),
            role: of("role")?.parse().ok()?,
            enabled: *item.get("enabled")?.as_bool().ok()?,
            stamp: of("stamp")?.clone(),
            changed: whole(item, "changed")?,
        })
    };
    user().ok_or_else(|| {
        let key = of("pk").cloned().unwrap_or_default();
        SessionStoreError(format!("{key} lacks hash, role, enabled, stamp or changed"))
    })
}

fn read_attempts(item: Item) -> Result<AttemptCount, SessionStoreError> {
    let attempts =
        || Some(AttemptCount { count: whole(&item, "attempts")?, ends: whole(&item, "ends")? });
    attempts().ok_or_else(|| SessionStoreError("attempts lack attempts or ends".to_owned()))
}

fn whole(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
