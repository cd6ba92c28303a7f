//! The ticket: what the browser holds of a session, and what the table holds of it.
//!
//! The browser has a random id and a random secret. The table has a hash of the id, and what is known of the session,
//! encrypted with the secret. So neither a copy of the table nor a look at a cookie says who is logged in, and a copy of the
//! table opens no session.

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

/// Random bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// What the browser holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    id: [u8; ID_LEN],
    secret: [u8; SECRET_LEN],
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// What is known of a session, as it is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The user's name.
    pub user: String,
    /// The user's stamp at the login: a password that was changed since has another.
    pub stamp: String,
    /// When the login was, in seconds since 1970.
    pub since: u64,
}

impl Ticket {
    /// A ticket that there has never been.
    #[must_use]
    pub fn new() -> Ticket {
        Ticket { id: random(), secret: random() }
    }

    /// The ticket in a cookie; `None` when it is none.
    #[must_use]
    pub fn read(cookie: &str) -> Option<Ticket> {
        let bytes: [u8; ID_LEN + SECRET_LEN] =
            URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
        let (id, secret) = bytes.split_at(ID_LEN);
        Some(Ticket { id: id.try_into().ok()?, secret: secret.try_into().ok()? })
    }

    /// The ticket as the value of a cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode([&self.id[..], &self.secret[..]].concat())
    }

    /// What the session is called in the table.
    #[must_use]
    pub fn key(&self) -> String {
        hex::encode(Sha256::digest(self.id))
    }

    /// What the whole ticket is called in memory: one with another secret is another.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest([&self.id[..], &self.secret[..]].concat()).into()
    }

    /// Encrypts what is known of the session.
    #[must_use]
    pub fn seal(&self, sealed: &Sealed) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut text = serde_json::to_vec(sealed).expect("texts and a number are JSON");
        self.aead()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.id),
                &mut text,
            )
            .expect("it is far shorter than the cipher permits");
        [&nonce[..], &text[..]].concat()
    }

    /// Decrypts what [`Ticket::seal`] made; `None` when the ticket is another, or a bit of either has changed.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Sealed> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.aead().open_in_place(nonce, Aad::from(self.id), &mut text).ok()?;
        serde_json::from_slice(text).ok()
    }

    fn aead(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &self.secret).expect("the secret has the length");
        LessSafeKey::new(key)
    }
}

impl Default for Ticket {
    fn default() -> Ticket {
        Ticket::new()
    }
}

/// The token that a form carries, made of the secret in the browser's cookie: who cannot read the cookie cannot make it.
#[must_use]
pub fn form_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&token_key(cookie), TOKEN_LABEL))
}

/// Whether a token was made of this cookie; the comparison takes the same time for every wrong one.
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

    fn sealed() -> Sealed {
        Sealed { user: "canary-alice".to_owned(), stamp: "s".to_owned(), since: 7 }
    }

    #[test]
    fn a1_the_browser_and_the_table_hold_nothing_that_can_be_read() {
        let ticket = Ticket::new();
        let stored = ticket.seal(&sealed());
        for dump in [ticket.cookie().into_bytes(), ticket.key().into_bytes(), stored.clone()] {
            let text = String::from_utf8_lossy(&dump).into_owned();
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(!stored.windows(ID_LEN).any(|window| window == ticket.id));
        assert!(!stored.windows(SECRET_LEN).any(|window| window == ticket.secret));
        assert_eq!(Ticket::read(&ticket.cookie()).unwrap().open(&stored), Some(sealed()));
        assert_ne!(ticket.seal(&sealed()), stored, "no two are alike");
        assert!(!format!("{ticket:?}").contains(&ticket.cookie()[..8]));
    }

    #[test]
    fn a1_a_changed_bit_opens_nothing() {
        let ticket = Ticket::new();
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
            let other = Ticket::read(&URL_SAFE_NO_PAD.encode(changed)).unwrap();
            let opens = other.key() == ticket.key() && other.open(&stored).is_some();
            assert!(!opens, "bit {bit} of the cookie");
        }
    }

    #[test]
    fn a_form_token_is_good_for_one_cookie() {
        let token = form_token("a");
        assert!(is_form_token("a", &token));
        for (cookie, token) in [("b", token.as_str()), ("a", ""), ("a", "%"), ("", &token)] {
            assert!(!is_form_token(cookie, token), "{cookie} {token}");
        }
    }

    proptest! {
        #[test]
        fn a1_no_text_makes_a_ticket_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Ticket::read(&text);
            prop_assert_eq!(Ticket::new().open(&bytes), None);
        }
    }
}
