//! Credentials at rest: XChaCha20-Poly1305 under a keyring, so that keys rotate.
//!
//! The organisation and connection are authenticated with the ciphertext: sealed bytes copied to another row do not open there.
//! A new key goes to the front of the keyring; rows sealed under an older one open as long as that key is still listed, and are
//! sealed under the new one when their credentials are next set.

use std::{collections::HashMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, KeyInit, Payload},
};
use hmac::{Hmac, Mac};
use ovia_domain::{ConnectionId, OrgId};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::Sha256;

use crate::StoreError;

const NONCE_BYTES: usize = 24;

/// Seals and opens credentials.
#[derive(Clone)]
pub struct Sealer {
    current: String,
    keys: HashMap<String, XChaCha20Poly1305>,
    /// Made from the current key; keys `fingerprint`.
    fingerprints: Hmac<Sha256>,
}

/// Nonce and ciphertext, and the name of the key that opens them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// Why a keyring was refused. Never holds key material.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    #[error("the keyring is empty; expected `<id>:<base64 of 32 bytes>`, several separated by commas, the current one first")]
    Empty,
    #[error("entry {0} of the keyring is not `<id>:<base64 of 32 bytes>`")]
    Malformed(usize),
    #[error("key id `{0}` of the keyring is not 1 to 32 letters, digits, `-` or `_`")]
    BadId(String),
    #[error("key `{0}` of the keyring is not valid base64")]
    NotBase64(String),
    #[error("key `{id}` of the keyring is {bytes} bytes long; 32 are needed")]
    WrongLength { id: String, bytes: usize },
    #[error("key id `{0}` is in the keyring twice")]
    Duplicate(String),
}

impl Sealer {
    /// Parses `k1:<base64 of 32 bytes>[,k2:…]`. The first key seals; all of them open.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut current = None;
        let mut keys = HashMap::new();
        let mut fingerprints = None;
        for (index, entry) in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
            let (id, key) = entry.split_once(':').ok_or(KeyringError::Malformed(index + 1))?;
            let id = parse_id(id)?;
            let (cipher, fingerprint) = parse_key(&id, key)?;
            current.get_or_insert_with(|| id.clone());
            fingerprints.get_or_insert(fingerprint);
            if keys.insert(id.clone(), cipher).is_some() {
                return Err(KeyringError::Duplicate(id));
            }
        }
        let (current, fingerprints) = current.zip(fingerprints).ok_or(KeyringError::Empty)?;
        Ok(Self { current, keys, fingerprints })
    }

    /// A new random keyring of one key, `k1`, in the form `parse` takes.
    pub fn generate_key() -> String {
        format!("k1:{}", STANDARD.encode(Key::generate()))
    }

    /// Seals `secret` for one connection of one organisation, under the current key.
    pub fn seal(&self, org_id: OrgId, connection_id: ConnectionId, secret: &SecretString) -> Result<Sealed, StoreError> {
        self.seal_as("", org_id, connection_id, secret)
    }

    /// Opens what `seal` made for the same connection. `StoreError::Seal` says which key is missing or that the bytes do not fit.
    pub fn open(&self, org_id: OrgId, connection_id: ConnectionId, sealed: &Sealed) -> Result<SecretString, StoreError> {
        self.open_as("", org_id, connection_id, sealed)
    }

    /// Seals something other than the credentials: what is sealed for one purpose does not open for another.
    pub fn seal_as(&self, purpose: &str, org_id: OrgId, connection_id: ConnectionId, secret: &SecretString) -> Result<Sealed, StoreError> {
        let nonce = XNonce::generate();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &associated_data(purpose, org_id, connection_id) };
        let ciphertext = self.key(&self.current)?.encrypt(&nonce, payload).map_err(|_| StoreError::Seal("encryption failed".into()))?;
        Ok(Sealed { key_id: self.current.clone(), bytes: [&nonce[..], &ciphertext].concat() })
    }

    /// Opens what `seal_as` made for the same purpose and connection.
    pub fn open_as(&self, purpose: &str, org_id: OrgId, connection_id: ConnectionId, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let does_not_fit =
            || StoreError::Seal(format!("they were not sealed for this connection by the key `{}` of the keyring", sealed.key_id));
        let cipher = self.key(&sealed.key_id)?;
        let (nonce, ciphertext) = sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(does_not_fit)?;
        let payload = Payload { msg: ciphertext, aad: &associated_data(purpose, org_id, connection_id) };
        let plain = Zeroizing::new(cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| does_not_fit())?);
        Ok(SecretString::from(std::str::from_utf8(&plain).map_err(|_| does_not_fit())?))
    }

    /// A name for `secret` at `place` that tells nothing about it: equal for equal ones under one keyring, and of no use to somebody
    /// who wants to try guesses and has not got the key. Another current key names everything anew.
    pub fn fingerprint(&self, place: &str, secret: &SecretString) -> String {
        let mut mac = self.fingerprints.clone();
        mac.update(&(place.len() as u64).to_be_bytes());
        mac.update(place.as_bytes());
        mac.update(secret.expose_secret().as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    fn key(&self, id: &str) -> Result<&XChaCha20Poly1305, StoreError> {
        self.keys.get(id).ok_or_else(|| StoreError::Seal(format!("the keyring has no key `{id}`")))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("current", &self.current).finish_non_exhaustive()
    }
}

fn parse_id(id: &str) -> Result<String, KeyringError> {
    let good = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    // a key pasted in the id's place must not be echoed whole
    if good { Ok(id.to_owned()) } else { Err(KeyringError::BadId(id.chars().take(4).collect::<String>() + "…")) }
}

fn parse_key(id: &str, key: &str) -> Result<(XChaCha20Poly1305, Hmac<Sha256>), KeyringError> {
    let wrong_length = |bytes: usize| KeyringError::WrongLength { id: id.to_owned(), bytes };
    let bytes = Zeroizing::new(STANDARD.decode(key.trim()).map_err(|_| KeyringError::NotBase64(id.to_owned()))?);
    let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| wrong_length(bytes.len()))?;
    // a key of its own, so that the one that seals does nothing else
    let mut derived = Hmac::<Sha256>::new_from_slice(&bytes).map_err(|_| wrong_length(bytes.len()))?;
    derived.update(b"ovia fingerprints");
    let derived = derived.finalize().into_bytes();
    let fingerprints = Hmac::<Sha256>::new_from_slice(&derived).map_err(|_| wrong_length(bytes.len()))?;
    Ok((cipher, fingerprints))
}

fn associated_data(purpose: &str, org_id: OrgId, connection_id: ConnectionId) -> Vec<u8> {
    [org_id.0.as_bytes(), connection_id.0.as_bytes(), purpose.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn ids() -> (OrgId, ConnectionId) {
        (OrgId::generate(), ConnectionId::generate())
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let sealer = Sealer::parse(&Sealer::generate_key()).unwrap();
        let (org, connection) = ids();
        let sealed = sealer.seal(org, connection, &SecretString::from("s3cret")).unwrap();
        assert_eq!(sealer.open(org, connection, &sealed).unwrap().expose_secret(), "s3cret");
        assert!(!sealed.bytes.windows(6).any(|part| part == b"s3cret"));
        assert!(sealer.open(OrgId::generate(), connection, &sealed).is_err());
        assert!(sealer.open(org, ConnectionId::generate(), &sealed).is_err());
        assert!(sealer.open_as("webhook", org, connection, &sealed).is_err());
        let other = sealer.seal_as("webhook", org, connection, &SecretString::from("s3cret")).unwrap();
        assert_eq!(sealer.open_as("webhook", org, connection, &other).unwrap().expose_secret(), "s3cret");
        assert!(sealer.open(org, connection, &other).is_err());
        for position in [0, 30, sealed.bytes.len() - 1] {
            let mut broken = sealed.clone();
            broken.bytes[position] ^= 1;
            assert!(sealer.open(org, connection, &broken).is_err(), "{position}");
        }
        assert!(sealer.open(org, connection, &Sealed { key_id: "k1".into(), bytes: vec![1; 5] }).is_err());
    }

    #[test]
    fn the_same_secret_seals_differently_each_time() {
        let sealer = Sealer::parse(&Sealer::generate_key()).unwrap();
        let (org, connection) = ids();
        let secret = SecretString::from("s3cret");
        assert_ne!(sealer.seal(org, connection, &secret).unwrap(), sealer.seal(org, connection, &secret).unwrap());
    }

    #[test]
    fn keys_rotate() {
        let old = Sealer::generate_key().replacen("k1:", "old:", 1);
        let new = Sealer::generate_key().replacen("k1:", "new:", 1);
        let (org, connection) = ids();
        let sealed = Sealer::parse(&old).unwrap().seal(org, connection, &SecretString::from("s3cret")).unwrap();
        let both = Sealer::parse(&format!("{new}, {old}")).unwrap();
        assert_eq!(both.open(org, connection, &sealed).unwrap().expose_secret(), "s3cret");
        assert_eq!(both.seal(org, connection, &SecretString::from("x")).unwrap().key_id, "new");
        let error = Sealer::parse(&new).unwrap().open(org, connection, &sealed).unwrap_err().to_string();
        assert!(error.contains("`old`"), "{error}");
    }

    #[test]
    fn fingerprints_name_a_secret_at_a_place() {
        let ring = Sealer::generate_key();
        let sealer = Sealer::parse(&ring).unwrap();
        let secret = SecretString::from("s3cret");
        let name = sealer.fingerprint("git.example:443", &secret);
        assert_eq!(Sealer::parse(&ring).unwrap().fingerprint("git.example:443", &secret), name);
        assert_ne!(sealer.fingerprint("git.example:80", &secret), name);
        assert_ne!(sealer.fingerprint("git.example:443", &SecretString::from("other")), name);
        assert_ne!(sealer.fingerprint("git.example:443s", &SecretString::from("3cret")), name, "the border is part of it");
        assert_ne!(Sealer::parse(&Sealer::generate_key()).unwrap().fingerprint("git.example:443", &secret), name);
    }

    #[test]
    fn says_what_is_wrong_with_a_keyring_without_printing_it() {
        let refused = |text: &str| Sealer::parse(text).err().unwrap();
        let key = STANDARD.encode([7; 32]);
        assert_eq!(refused(" , "), KeyringError::Empty);
        assert_eq!(refused(&key), KeyringError::Malformed(1));
        assert_eq!(refused("k1:%%"), KeyringError::NotBase64("k1".into()));
        assert_eq!(refused("k1:AAAA"), KeyringError::WrongLength { id: "k1".into(), bytes: 3 });
        assert_eq!(refused(&format!("k1:{key},k1:{key}")), KeyringError::Duplicate("k1".into()));
        assert!(!refused(&format!("{key}:{key}")).to_string().contains(&key));
        assert!(!format!("{:?}", Sealer::parse(&format!("k1:{key}")).unwrap()).contains(&key));
    }
}
