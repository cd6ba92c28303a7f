//! Passwords: hashing and verification with argon2id, and generation.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};

use super::ticket::random;

/// The shortest password that is accepted, in characters.
pub const PASSWORD_MIN: usize = 12;
/// The longest password that is accepted, in bytes, which bounds the work of hashing.
pub const PASSWORD_MAX: usize = 1024;

/// The hash of random bytes, which no password matches. Its parameters are those of every other hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aGFyZGNhcC1ub2JvZHkh$9lrFvpHeTHndq7V2j+/v6Q2GI0zaRyolXhouFYx3QeU";

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// The password is too short.
    #[error("the password has {0} characters; at least {PASSWORD_MIN} are needed")]
    TooShort(usize),
    /// The password is too long.
    #[error("the password has {0} bytes; at most {PASSWORD_MAX} are accepted")]
    TooLong(usize),
}

/// The hash of a new password with a new salt, as a PHC string. The parameters are those of OWASP's Password Storage Cheat Sheet
/// (read 2026-11): argon2id with 19 MiB, two passes and one lane.
///
/// # Errors
///
/// [`BadPassword`].
pub fn hash(password: &str) -> Result<String, BadPassword> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(BadPassword::TooShort(length));
    }
    if password.len() > PASSWORD_MAX {
        return Err(BadPassword::TooLong(password.len()));
    }
    Ok(hash_any(password))
}

fn hash_any(password: &str) -> String {
    let salt: [u8; 16] = random();
    let hashed: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("the parameters are argon2's defaults, and the salt has a valid length");
    hashed.to_string()
}

/// Whether a password matches a hash. `None`, for an unknown user, takes as long and never matches.
#[must_use]
pub fn verify(password: &str, hashed: Option<&str>) -> bool {
    let known = hashed.and_then(|text| PasswordHash::new(text).ok());
    let is_known = known.is_some();
    let against = known.unwrap_or_else(|| PasswordHash::new(NOBODY).expect("it is a PHC string"));
    let matches = password.len() <= PASSWORD_MAX
        && Argon2::default().verify_password(password.as_bytes(), &against).is_ok();
    matches && is_known
}

/// A random password: 24 characters out of 32 letters and digits that are easy to tell apart, 120 bits.
#[must_use]
pub fn made_up() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 24] = random();
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    let groups: Vec<String> =
        bytes.chunks(6).map(|group| group.iter().map(letter).collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_is_verified() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(!hashed.contains("horse"));
        assert_ne!(hash("correct horse battery").unwrap(), hashed, "the salt is another");
        assert!(verify("correct horse battery", Some(&hashed)));
        for wrong in ["", "correct horse batterY", "correct horse battery ", "é"] {
            assert!(!verify(wrong, Some(&hashed)), "{wrong}");
        }
        assert!(!verify("correct horse battery", Some("not a hash")));
        assert!(!verify("correct horse battery", None));
    }

    #[test]
    fn bad_passwords_are_refused_with_the_number() {
        assert_eq!(hash("éééé"), Err(BadPassword::TooShort(4)));
        assert_eq!(hash(&"x".repeat(1025)), Err(BadPassword::TooLong(1025)));
        assert!(hash(&"x".repeat(1024)).is_ok());
        assert!(hash(&"é".repeat(12)).is_ok());
    }

    #[test]
    fn a9_an_unknown_user_costs_the_same_work() {
        // The parameters determine the work of argon2, so both hashes must have the same.
        let real = hash("correct horse battery").unwrap();
        let work = |text: &str| text.rsplitn(3, '$').nth(2).unwrap().to_owned();
        assert_eq!(work(&real), work(NOBODY));
        assert!(PasswordHash::new(NOBODY).is_ok(), "it is a valid hash");
    }

    #[test]
    fn generated_passwords_are_accepted_and_differ() {
        let one = made_up();
        assert_eq!(one.len(), 27, "{one}");
        assert!(hash(&one).is_ok());
        assert_ne!(made_up(), one);
    }
}
