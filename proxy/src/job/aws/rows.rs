//! The table, in DynamoDB. Every write is conditional on a version.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::failures::port_error;
use crate::job::ports::{
    Change, DuePage, EpochMillis, PortError, PortFuture, Rows, TableItem, Written,
};

/// The reason in a cancelled transaction for a condition that was not met.
const NOT_MET: &str = "ConditionalCheckFailed";

/// A table with the partition key `pk` (a string) and the time to live in `forget`.
#[derive(Clone, Debug)]
pub struct DynamoRows {
    client: Client,
    table: String,
}

type Attributes = HashMap<String, AttributeValue>;

impl DynamoRows {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: &str) -> DynamoRows {
        DynamoRows { client, table: table.to_owned() }
    }

    async fn put(&self, change: &Change) -> Result<Written, PortError> {
        let (condition, names, values) = condition(change);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(attributes(change)))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        match put.send().await {
            Ok(_) => Ok(Written::Yes),
            Err(SdkError::ServiceError(error))
                if error.err().is_conditional_check_failed_exception() =>
            {
                Ok(Written::Conflict)
            }
            Err(error) => Err(port_error("PutItem", &error)),
        }
    }

    async fn put_all(&self, changes: &[Change]) -> Result<Written, PortError> {
        let mut transaction = self.client.transact_write_items();
        for change in changes {
            let (condition, names, values) = condition(change);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(attributes(change)))
                .condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map_err(|error| PortError::Refused(error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(Written::Yes),
            Err(SdkError::ServiceError(error)) if is_conflict(error.err()) => Ok(Written::Conflict),
            Err(error) if is_cancelled(&error) => {
                // Another transaction was writing one of the items, or the table was throttled.
                Err(PortError::Unavailable(port_error("TransactWriteItems", &error).to_string()))
            }
            Err(error) => Err(port_error("TransactWriteItems", &error)),
        }
    }
}

fn is_conflict(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return false;
    };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(NOT_MET))
}

fn is_cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let SdkError::ServiceError(error) = error else {
        return false;
    };
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.err() else {
        return false;
    };
    let passing =
        ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    let reasons = cancelled.cancellation_reasons();
    reasons.iter().all(|reason| reason.code().is_none_or(|code| passing.contains(&code)))
}

type Condition =
    (&'static str, Option<HashMap<String, String>>, Option<HashMap<String, AttributeValue>>);

fn condition(change: &Change) -> Condition {
    if change.version == 1 {
        return ("attribute_not_exists(pk)", None, None);
    }
    let names = [("#version".to_owned(), "version".to_owned())];
    let values = [(":before".to_owned(), number(change.version - 1))];
    ("#version = :before", Some(names.into()), Some(values.into()))
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn attributes(item: &TableItem) -> Attributes {
    let mut attributes = HashMap::from([
        ("pk".to_owned(), AttributeValue::S(item.key.clone())),
        ("version".to_owned(), number(item.version)),
        ("document".to_owned(), AttributeValue::S(item.document.clone())),
        // DynamoDB's time to live is in seconds.
        ("forget".to_owned(), number(item.forget / 1000)),
    ]);
    if let Some(due) = item.due {
        attributes.insert("due".to_owned(), number(due));
    }
    attributes
}

fn item(attributes: &Attributes) -> Result<TableItem, PortError> {
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok()).cloned();
    let whole = |name: &str| {
        let value = attributes.get(name).and_then(|value| value.as_n().ok());
        value.and_then(|value| value.parse::<u64>().ok())
    };
    let item = || {
        Some(TableItem {
            key: text("pk")?,
            version: whole("version")?,
            document: text("document")?,
            due: whole("due"),
            forget: whole("forget")?.saturating_mul(1000),
        })
    };
    item().ok_or_else(|| {
        let key = text("pk").unwrap_or_default();
        PortError::Refused(format!("the row {key} lacks pk, version, document or forget"))
    })
}

impl Rows for DynamoRows {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<TableItem>> {
        Box::pin(async move {
            let read = self
                .client
                .get_item()
                .table_name(&self.table)
                .key("pk", AttributeValue::S(key.to_owned()))
                .consistent_read(true);
            let read = read.send().await.map_err(|error| port_error("GetItem", &error))?;
            read.item.as_ref().map(item).transpose()
        })
    }

    fn write(&self, changes: Vec<Change>) -> PortFuture<'_, Written> {
        Box::pin(async move {
            match changes.as_slice() {
                [change] => self.put(change).await,
                changes => self.put_all(changes).await,
            }
        })
    }

    fn due(&self, now: EpochMillis, from: Option<String>) -> PortFuture<'_, DuePage> {
        Box::pin(async move {
            let from = from.map(|key| HashMap::from([("pk".to_owned(), AttributeValue::S(key))]));
            // The table contains the jobs of a few days, so a scan reads little more than it finds.
            let scan = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .filter_expression("#due <= :now")
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":now", number(now))
                .set_exclusive_start_key(from);
            let page = scan.send().await.map_err(|error| port_error("Scan", &error))?;
            let items: Result<Vec<TableItem>, PortError> = page.items().iter().map(item).collect();
            let last = page.last_evaluated_key().and_then(|key| key.get("pk"));
            let next = last.and_then(|key| key.as_s().ok()).cloned();
            Ok(DuePage { items: items?, next })
        })
    }
}
