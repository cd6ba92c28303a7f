//! Passwords of `GenerateSecretString`. Pure: the same name gives the same password.

use sha2::{Digest as _, Sha256};

const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// The maximum length of a password on AWS.
const LENGTH_MAX: usize = 4096;

/// The characters of a password and its length.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "AWS's own members, each of which stands for itself"
)]
pub(super) struct Password {
    pub(super) length: usize,
    pub(super) excluded: String,
    pub(super) lowercase: bool,
    pub(super) uppercase: bool,
    pub(super) numbers: bool,
    pub(super) punctuation: bool,
    pub(super) space: bool,
}

/// The error of a password that cannot be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PasswordError {
    /// The length is 0 or above the maximum.
    #[error("`PasswordLength` is 1 to {max}, not {0}", max = LENGTH_MAX)]
    Length(usize),
    /// Every character is excluded.
    #[error("every character of the password is excluded")]
    NoCharacters,
}

impl Password {
    /// The password of a name, with at least one character of each allowed kind if the length suffices.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] for an invalid length, or if every character is excluded.
    pub(super) fn generate(&self, name: &str) -> Result<String, PasswordError> {
        if !(1..=LENGTH_MAX).contains(&self.length) {
            return Err(PasswordError::Length(self.length));
        }
        let kinds: Vec<Vec<char>> = self
            .kinds()
            .into_iter()
            .map(|kind| self.allowed(&kind))
            .filter(|kind| !kind.is_empty())
            .collect();
        let all: Vec<char> = kinds.iter().flatten().copied().collect();
        if all.is_empty() {
            return Err(PasswordError::NoCharacters);
        }
        let mut numbers = numbers(name);
        let mut pick = |from: &[char]| from[numbers.next().unwrap_or(0) % from.len()];
        // One of each kind, then any. Their positions depend on the name too.
        let mut password: Vec<char> = Vec::with_capacity(self.length);
        for at in 0..self.length {
            password.push(pick(kinds.get(at).unwrap_or(&all)));
        }
        let turned = name.len() % self.length;
        password.rotate_left(turned);
        Ok(password.into_iter().collect())
    }

    fn kinds(&self) -> Vec<String> {
        let kinds = [
            (self.lowercase, ('a'..='z').collect()),
            (self.uppercase, ('A'..='Z').collect()),
            (self.numbers, ('0'..='9').collect()),
            (self.punctuation, PUNCTUATION.to_owned()),
            (self.space, " ".to_owned()),
        ];
        kinds.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect()
    }

    fn allowed(&self, kind: &str) -> Vec<char> {
        kind.chars().filter(|letter| !self.excluded.contains(*letter)).collect()
    }
}

/// An endless sequence of numbers, derived from a name.
fn numbers(name: &str) -> impl Iterator<Item = usize> {
    (0_u64..).flat_map(move |block| {
        let digest = Sha256::new().chain_update(name).chain_update(block.to_be_bytes()).finalize();
        digest
            .chunks(2)
            .map(|pair| usize::from(pair[0]) << 8 | usize::from(pair[1]))
            .collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password() -> Password {
        Password {
            length: 32,
            excluded: String::new(),
            lowercase: true,
            uppercase: true,
            numbers: true,
            punctuation: true,
            space: false,
        }
    }

    #[test]
    fn a_password_follows_from_its_name_and_has_every_kind_of_character() {
        let first = password().generate("shop/key").unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!(first, password().generate("shop/key").unwrap());
        assert_ne!(first, password().generate("shop/other").unwrap());
        assert!(first.contains(|letter: char| letter.is_ascii_lowercase()), "{first}");
        assert!(first.contains(|letter: char| letter.is_ascii_uppercase()), "{first}");
        assert!(first.contains(|letter: char| letter.is_ascii_digit()), "{first}");
        assert!(first.contains(|letter: char| letter.is_ascii_punctuation()), "{first}");
    }

    #[test]
    fn a_password_has_no_excluded_characters() {
        let digits = Password {
            length: 400,
            excluded: "789".to_owned(),
            lowercase: false,
            uppercase: false,
            punctuation: false,
            ..password()
        };
        let generated = digits.generate("pin").unwrap();
        assert!(generated.bytes().all(|digit| (b'0'..=b'6').contains(&digit)), "{generated}");
        assert!(
            Password { excluded: "0123456".to_owned(), length: 5, ..digits.clone() }
                .generate("x")
                .is_ok()
        );
        assert!(
            Password { excluded: "0123456789".to_owned(), ..digits.clone() }.generate("x").is_err()
        );
        assert!(Password { length: 0, ..digits }.generate("x").is_err());
    }
}
