//! Keys and codes of cipher suites 3 and 17. Pure: bytes in, bytes out; only the initialization
//! vector is random. Sections are of IPMI 2.0 revision 1.1, with RFC 2404 and 4868 for the lengths.

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::super::access::Suite;

/// One block of AES, and of its key.
const BLOCK_BYTES: usize = 16;
/// The constants behind K1 and K2 (section 13.32) have this length in both suites, as BMCs and
/// `ipmitool` have it.
const CONSTANT_BYTES: usize = 20;

/// A keyed hash of either suite.
#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl Keyed {
    /// None for no key: a key may have any length.
    fn new(suite: Suite, key: &[u8]) -> Option<Self> {
        Some(match suite {
            Suite::Sha1 => Self::Sha1(Mac::new_from_slice(key).ok()?),
            Suite::Sha256 => Self::Sha256(Mac::new_from_slice(key).ok()?),
        })
    }

    fn fed(mut self, parts: &[&[u8]]) -> Self {
        for part in parts {
            match &mut self {
                Self::Sha1(mac) => mac.update(part),
                Self::Sha256(mac) => mac.update(part),
            }
        }
        self
    }

    fn whole(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }

    /// Compares in constant time with a code of this length, whole or cut.
    fn is(self, code: &[u8], bytes: usize) -> bool {
        code.len() == bytes
            && match self {
                Self::Sha1(mac) => mac.verify_truncated_left(code).is_ok(),
                Self::Sha256(mac) => mac.verify_truncated_left(code).is_ok(),
            }
    }
}

/// Bytes of a whole hash: the codes of RAKP 2 and 3.
pub(super) const fn hash_bytes(suite: Suite) -> usize {
    match suite {
        Suite::Sha1 => 20,
        Suite::Sha256 => 32,
    }
}

/// Bytes of the codes of RAKP 4 and of every packet after it.
pub(super) const fn code_bytes(suite: Suite) -> usize {
    match suite {
        Suite::Sha1 => 12,
        Suite::Sha256 => 16,
    }
}

/// Numbers of the suite's algorithms: authentication, integrity, confidentiality (sections 13.28
/// and 22.15.2).
pub(super) const fn algorithms(suite: Suite) -> [u8; 3] {
    match suite {
        Suite::Sha1 => [1, 1, 1],
        Suite::Sha256 => [3, 4, 1],
    }
}

/// What both sides have said when they agree on keys (section 13.31).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) console_session: [u8; 4],
    pub(super) bmc_session: [u8; 4],
    pub(super) console_random: [u8; 16],
    pub(super) bmc_random: [u8; 16],
    pub(super) bmc_guid: [u8; 16],
    /// Privilege that was asked for, with the bit that looks users up by name alone.
    pub(super) role: u8,
    pub(super) user: Vec<u8>,
}

impl Exchange {
    fn user_bytes(&self) -> [u8; 1] {
        [u8::try_from(self.user.len()).unwrap_or(u8::MAX)]
    }

    /// Whether RAKP 2's code proves that the BMC knows the password.
    pub(super) fn rakp2_is(&self, suite: Suite, password: &[u8], code: &[u8]) -> bool {
        let said = [
            &self.console_session[..],
            &self.bmc_session,
            &self.console_random,
            &self.bmc_random,
            &self.bmc_guid,
            &[self.role],
            &self.user_bytes(),
            &self.user,
        ];
        Keyed::new(suite, password)
            .is_some_and(|keyed| keyed.fed(&said).is(code, hash_bytes(suite)))
    }

    /// RAKP 3's code, which proves the same to the BMC.
    pub(super) fn rakp3(&self, suite: Suite, password: &[u8]) -> Option<Vec<u8>> {
        let said = [
            &self.bmc_random[..],
            &self.console_session,
            &[self.role],
            &self.user_bytes(),
            &self.user,
        ];
        Some(Keyed::new(suite, password)?.fed(&said).whole())
    }

    /// The session's keys, once RAKP 4's code shows that the BMC has the same.
    pub(super) fn keys(&self, suite: Suite, password: &[u8], rakp4: &[u8]) -> Option<Keys> {
        let said = [
            &self.console_random[..],
            &self.bmc_random,
            &[self.role],
            &self.user_bytes(),
            &self.user,
        ];
        let session_key = Keyed::new(suite, password)?.fed(&said).whole();
        let keyed = Keyed::new(suite, &session_key)?;
        let proof = [&self.console_random[..], &self.bmc_session, &self.bmc_guid];
        if !keyed.clone().fed(&proof).is(rakp4, code_bytes(suite)) {
            return None;
        }
        let integrity = Keyed::new(suite, &keyed.clone().fed(&[&[1; CONSTANT_BYTES]]).whole())?;
        let secret = keyed.fed(&[&[2; CONSTANT_BYTES]]).whole();
        Some(Keys { suite, integrity, cipher: *secret.first_chunk()? })
    }
}

/// Keys of an open session. Debug output shows none of them.
#[derive(Clone)]
pub(super) struct Keys {
    suite: Suite,
    integrity: Keyed,
    cipher: [u8; BLOCK_BYTES],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({:?})", self.suite)
    }
}

impl Keys {
    /// Bytes of its authentication codes.
    pub(super) fn code_bytes(&self) -> usize {
        code_bytes(self.suite)
    }

    /// Authentication code of a packet.
    pub(super) fn code(&self, covered: &[u8]) -> Vec<u8> {
        let mut code = self.integrity.clone().fed(&[covered]).whole();
        code.truncate(self.code_bytes());
        code
    }

    /// Whether a packet's code is right; in constant time.
    pub(super) fn is(&self, covered: &[u8], code: &[u8]) -> bool {
        self.integrity.clone().fed(&[covered]).is(code, self.code_bytes())
    }

    /// Encrypts (section 13.29): the vector, then the message with 1, 2, 3, ... and their count
    /// added to whole blocks.
    pub(super) fn encrypt(&self, message: &[u8], vector: [u8; BLOCK_BYTES]) -> Vec<u8> {
        let pad = (message.len() + 1).next_multiple_of(BLOCK_BYTES) - message.len() - 1;
        let pad = u8::try_from(pad).unwrap_or(0);
        let padded = [message, &(1..=pad).collect::<Vec<u8>>(), &[pad]].concat();
        let cipher = cbc::Encryptor::<Aes128>::new(&self.cipher.into(), &vector.into());
        [&vector[..], &cipher.encrypt_padded_vec_mut::<NoPadding>(&padded)].concat()
    }

    /// Decrypts; none where the length or the padding is wrong.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (vector, blocks) = bytes.split_first_chunk::<BLOCK_BYTES>()?;
        let cipher = cbc::Decryptor::<Aes128>::new(&self.cipher.into(), &(*vector).into());
        let mut padded = cipher.decrypt_padded_vec_mut::<NoPadding>(blocks).ok()?;
        let pad = usize::from(padded.pop()?);
        // A whole block of padding more than needed was seen in the field (hence no tighter bound).
        if pad > BLOCK_BYTES {
            return None;
        }
        padded.truncate(padded.len().checked_sub(pad)?);
        Some(padded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchange() -> Exchange {
        Exchange {
            console_session: [1, 2, 3, 4],
            bmc_session: [5, 6, 7, 8],
            console_random: [9; 16],
            bmc_random: [10; 16],
            bmc_guid: [11; 16],
            role: 0x12,
            user: b"watch".to_vec(),
        }
    }

    fn keys(suite: Suite) -> Keys {
        let said = exchange();
        let key = Keyed::new(suite, b"secret").unwrap();
        let session_key =
            key.fed(&[&said.console_random, &said.bmc_random, &[0x12], &[5], b"watch"]).whole();
        let proof = Keyed::new(suite, &session_key)
            .unwrap()
            .fed(&[&said.console_random, &said.bmc_session, &said.bmc_guid])
            .whole();
        assert!(said.keys(suite, b"secret", &proof).is_none(), "a code of the wrong length");
        let proof = &proof[..code_bytes(suite)];
        assert!(said.keys(suite, b"Secret", proof).is_none(), "another password");
        said.keys(suite, b"secret", proof).unwrap()
    }

    #[test]
    fn hashes_are_those_of_the_rfcs() {
        // RFC 2202 test 2 and RFC 4231 test 2.
        let hash = |suite| {
            let said = b"what do ya want for nothing?";
            Keyed::new(suite, b"Jefe").unwrap().fed(&[said]).whole()
        };
        assert_eq!(hash(Suite::Sha1)[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        assert_eq!(hash(Suite::Sha1).len(), hash_bytes(Suite::Sha1));
        assert_eq!(hash(Suite::Sha256)[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(hash(Suite::Sha256).len(), hash_bytes(Suite::Sha256));
    }

    #[test]
    fn rakp2_is_refused_for_any_other_word_that_was_said() {
        for suite in [Suite::Sha1, Suite::Sha256] {
            let said = exchange();
            let key = Keyed::new(suite, b"secret").unwrap();
            let code = key
                .fed(&[
                    &said.console_session,
                    &said.bmc_session,
                    &said.console_random,
                    &said.bmc_random,
                    &said.bmc_guid,
                    &[0x12],
                    &[5],
                    b"watch",
                ])
                .whole();
            assert!(said.rakp2_is(suite, b"secret", &code));
            assert!(said.rakp2_is(suite, b"secret\0\0", &code), "zeros pad a password");
            assert!(!said.rakp2_is(suite, b"wrong", &code));
            assert!(!said.rakp2_is(suite, b"secret", &code[..12]), "a cut code proves nothing");
            assert!(!said.rakp2_is(suite, b"secret", &[]));
            let other = Exchange { bmc_random: [0; 16], ..said };
            assert!(!other.rakp2_is(suite, b"secret", &code));
        }
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_decrypted(
            message in proptest::collection::vec(any::<u8>(), 0..100),
            vector in any::<[u8; 16]>(),
        ) {
            let keys = keys(Suite::Sha256);
            let bytes = keys.encrypt(&message, vector);
            prop_assert_eq!(bytes.len() % BLOCK_BYTES, 0);
            prop_assert_eq!(keys.decrypt(&bytes), Some(message));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let keys = keys(Suite::Sha1);
            let _ = keys.decrypt(&bytes);
            prop_assert!(!keys.is(b"covered", &bytes));
            prop_assert!(keys.is(&bytes, &keys.code(&bytes)));
        }
    }
}
