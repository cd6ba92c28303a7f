//! What DynamoDB refuses in a table.

use super::Table;

/// The error of a table that DynamoDB would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTable {
    /// The name is too short or too long, or has other characters.
    #[error("a table's name has 3 to 255 letters, digits, `_`, `.` or `-`")]
    Name,
    /// A key attribute has no definition.
    #[error("the key attribute `{0}` is not among its attribute definitions")]
    UndefinedKey(String),
    /// A definition belongs to no key.
    #[error("the attribute definition `{0}` is not part of a key; define key attributes only")]
    UnusedDefinition(String),
}

impl Table {
    /// Validates the table.
    ///
    /// # Errors
    ///
    /// [`InvalidTable`] for the first violation.
    pub fn validate(&self) -> Result<(), InvalidTable> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(3..=255).contains(&self.name.len()) || !self.name.bytes().all(letters) {
            return Err(InvalidTable::Name);
        }
        let mut keys = vec![&self.hash_key];
        keys.extend(&self.range_key);
        for index in &self.indexes {
            keys.push(&index.hash_key);
            keys.extend(&index.range_key);
        }
        for key in &keys {
            if !self.attributes.iter().any(|attribute| attribute.name == **key) {
                return Err(InvalidTable::UndefinedKey((*key).clone()));
            }
        }
        for attribute in &self.attributes {
            if !keys.contains(&&attribute.name) {
                return Err(InvalidTable::UnusedDefinition(attribute.name.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_aws_would_refuse_is_refused_with_what_is_wrong() {
        assert_eq!(Table::new("jobs", "id").validate(), Ok(()));
        let error = |table: &Table| table.validate().unwrap_err().to_string();
        assert!(error(&Table::new("t", "id")).contains("3 to 255"));
        let without = Table { range_key: Some("at".to_owned()), ..Table::new("jobs", "id") };
        assert_eq!(
            error(&without),
            "the key attribute `at` is not among its attribute definitions"
        );
        let unused = Table { hash_key: "other".to_owned(), ..Table::new("jobs", "id") };
        assert!(error(&unused).contains("`other`"));
    }
}
