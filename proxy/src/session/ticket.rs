//! The ticket: the browser's part of a session, and the encryption of the stored part.
//!
//! The browser has a random id and a random secret. The table has a hash of the id, and the session's data encrypted with the
//! secret. Neither a copy of the table nor a cookie shows who is logged in, and a copy of the table does not open a session.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const ID_LEN: usize = 16;
const SECRET_LEN: usize = 32;

/// Cryptographically random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// The browser's part of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionTicket {
    id: [u8; ID_LEN],
    secret: [u8; SECRET_LEN],
}

impl fmt::Debug for SessionTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// The data of a session, which is stored encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionData {
    /// The user's name.
    pub user: String,
    /// The user's stamp at the login. A new password changes the stamp.
    pub stamp: String,
    /// The time of the login, in seconds since 1970.
    pub since: u64,
}

impl SessionTicket {
    /// A new random ticket.
    #[must_use]
    pub fn new() -> SessionTicket {
        SessionTicket { id: random(), secret: random() }
    }

    /// The ticket in a cookie; `None` if the cookie is not a ticket.
    #[must_use]
    pub fn read(cookie: &str) -> Option<SessionTicket> {
        let bytes: [u8; ID_LEN + SECRET_LEN] =
            URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
        let (id, secret) = bytes.split_at(ID_LEN);
        Some(SessionTicket { id: id.try_into().ok()?, secret: secret.try_into().ok()? })
    }

    /// The ticket as the value of a cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode([&self.id[..], &self.secret[..]].concat())
    }

    /// The key of the session in the store.
    #[must_use]
    pub fn key(&self) -> String {
        hex::encode(Sha256::digest(self.id))
    }

    /// The key of the whole ticket in the cache, which includes the secret.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest([&self.id[..], &self.secret[..]].concat()).into()
    }

    /// Encrypts the data of the session.
    #[must_use]
    pub fn seal(&self, sealed: &SessionData) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut text = serde_json::to_vec(sealed).expect("texts and a number are JSON");
        self.aead()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.id),
                &mut text,
            )
            .expect("the data is far shorter than the cipher's limit");
        [&nonce[..], &text[..]].concat()
    }

    /// Decrypts the result of [`SessionTicket::seal`]; `None` for another ticket or changed data.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<SessionData> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.aead().open_in_place(nonce, Aad::from(self.id), &mut text).ok()?;
        serde_json::from_slice(text).ok()
    }

    fn aead(&self) -> LessSafeKey {
        let key =
            UnboundKey::new(&AES_256_GCM, &self.secret).expect("the secret has the key's length");
        LessSafeKey::new(key)
    }
}

impl Default for SessionTicket {
    fn default() -> SessionTicket {
        SessionTicket::new()
    }
}

/// The CSRF token of a form, derived from the browser's cookie. Only someone who can read the cookie can derive it.
#[must_use]
pub fn form_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&token_key(cookie), TOKEN_LABEL))
}

/// Whether a token was derived from this cookie, in constant time.
#[must_use]
pub fn is_form_token(cookie: &str, token: &str) -> bool {
    let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else {
        return false;
    };
    hmac::verify(&token_key(cookie), TOKEN_LABEL, &tag).is_ok()
}

const TOKEN_LABEL: &[u8] = b"hardcap form token";

fn token_key(cookie: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed() -> SessionData {
        SessionData { user: "canary-alice".to_owned(), stamp: "s".to_owned(), since: 7 }
    }

    #[test]
    fn a1_neither_the_cookie_nor_the_table_shows_the_user() {
        let ticket = SessionTicket::new();
        let stored = ticket.seal(&sealed());
        for dump in [ticket.cookie().into_bytes(), ticket.key().into_bytes(), stored.clone()] {
            let text = String::from_utf8_lossy(&dump).into_owned();
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(!stored.windows(ID_LEN).any(|window| window == ticket.id));
        assert!(!stored.windows(SECRET_LEN).any(|window| window == ticket.secret));
        assert_eq!(SessionTicket::read(&ticket.cookie()).unwrap().open(&stored), Some(sealed()));
        assert_ne!(ticket.seal(&sealed()), stored, "no two are alike");
        assert!(!format!("{ticket:?}").contains(&ticket.cookie()[..8]));
    }

    #[test]
    fn a1_a_changed_bit_makes_a_ticket_or_a_session_invalid() {
        let ticket = SessionTicket::new();
        let stored = ticket.seal(&sealed());
        for bit in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ticket.open(&changed), None, "bit {bit} of the table");
        }
        let cookie = URL_SAFE_NO_PAD.decode(ticket.cookie()).unwrap();
        for bit in 0..cookie.len() * 8 {
            let mut changed = cookie.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let other = SessionTicket::read(&URL_SAFE_NO_PAD.encode(changed)).unwrap();
            let opens = other.key() == ticket.key() && other.open(&stored).is_some();
            assert!(!opens, "bit {bit} of the cookie");
        }
    }

    #[test]
    fn a_form_token_is_valid_for_one_cookie() {
        let token = form_token("a");
        assert!(is_form_token("a", &token));
        for (cookie, token) in [("b", token.as_str()), ("a", ""), ("a", "%"), ("", &token)] {
            assert!(!is_form_token(cookie, token), "{cookie} {token}");
        }
    }

    proptest! {
        #[test]
        fn a1_no_text_makes_a_ticket_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = SessionTicket::read(&text);
            prop_assert_eq!(SessionTicket::new().open(&bytes), None);
        }
    }
}
