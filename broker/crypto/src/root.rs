//! The root key: what seals all the rest, and the one thing that is never stored beside it.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::derive::derive;
use crate::mac::MacKey;
use crate::seal::SealKey;
use crate::{CryptoError, random};

/// Length in bytes of a root key.
pub const ROOT_BYTES: usize = 32;
/// Length in bytes of the salt (RFC 9106 section 3.1 advises 16).
pub const SALT_BYTES: usize = 16;
/// Length in bytes of a [`PassphraseCost`] as stored.
pub const COST_BYTES: usize = 28;
/// Longest passphrase in bytes.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;

/// Less is guessed too fast (19 MiB, the least that OWASP's password storage sheet names).
pub const MEMORY_KIB_MIN: u32 = 19 * 1024;
/// More is an attack by whoever wrote the header (1 GiB).
pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Most passes over the memory.
pub const PASSES_MAX: u32 = 16;
/// Most lanes.
pub const LANES_MAX: u32 = 8;

/// What a guess of the passphrase costs (RFC 9106), with the salt. Not secret; stored beside what the root key seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
}

impl PassphraseCost {
    /// 64 MiB, three passes, one lane (the second choice of RFC 9106 section 4, with one lane: it is computed in one
    /// thread), and a fresh salt.
    ///
    /// # Errors
    /// `Internal` when the generator fails.
    pub fn generate() -> Result<Self, CryptoError> {
        Self::new(64 * 1024, 3, 1, random::random()?)
    }

    /// Memory from 19 MiB to 1 GiB, 1 to 16 passes, 1 to 8 lanes.
    ///
    /// # Errors
    /// `Unsupported` beyond these limits.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32, salt: [u8; SALT_BYTES]) -> Result<Self, CryptoError> {
        let sound = (MEMORY_KIB_MIN..=MEMORY_KIB_MAX).contains(&memory_kib)
            && (1..=PASSES_MAX).contains(&passes)
            && (1..=LANES_MAX).contains(&lanes);
        if sound { Ok(Self { memory_kib, passes, lanes, salt }) } else { Err(CryptoError::Unsupported) }
    }

    /// As stored: memory in KiB, passes and lanes, each four bytes big-endian, then the salt.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; COST_BYTES] {
        let mut bytes = [0; COST_BYTES];
        bytes[0..4].copy_from_slice(&self.memory_kib.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.passes.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.lanes.to_be_bytes());
        bytes[12..].copy_from_slice(&self.salt);
        bytes
    }

    /// From what [`PassphraseCost::to_bytes`] gave.
    ///
    /// # Errors
    /// `BadLength` when it is not 28 bytes; `Unsupported` when it asks for more, or less, than the limits allow.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let bytes: &[u8; COST_BYTES] = bytes.try_into().map_err(|_| CryptoError::BadLength)?;
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&bytes[12..]);
        Self::new(number(0), number(4), number(8), salt)
    }
}

/// Eight bytes that tell one root key from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootId(pub [u8; 8]);

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key that all keys which seal the broker's own records are derived from. It seals nothing itself.
pub struct RootKey(Secret);

impl RootKey {
    /// From exactly 32 random bytes.
    ///
    /// # Errors
    /// `BadKey` for any other length.
    pub fn from_secret(bytes: Secret) -> Result<Self, CryptoError> {
        if bytes.len() == ROOT_BYTES { Ok(Self(bytes)) } else { Err(CryptoError::BadKey) }
    }

    /// From a passphrase by Argon2id, version 19 (RFC 9106). Takes as long as the cost says: a tenth of a second and
    /// more, on a thread that may block.
    ///
    /// # Errors
    /// `BadLength` when the passphrase is empty or longer than 1024 bytes; `Internal` when the memory cannot be had.
    pub fn from_passphrase(passphrase: &Secret, cost: &PassphraseCost) -> Result<Self, CryptoError> {
        if passphrase.is_empty() || passphrase.len() > PASSPHRASE_BYTES_MAX {
            return Err(CryptoError::BadLength);
        }
        let internal = |_| CryptoError::Internal;
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(ROOT_BYTES)).map_err(internal)?;
        // Our own memory, because the library would neither wipe it nor survive without it.
        let mut memory = Zeroizing::new(Vec::new());
        memory.try_reserve_exact(params.block_count()).map_err(|_| CryptoError::Internal)?;
        memory.resize(params.block_count(), Block::new());
        let mut key = Zeroizing::new(vec![0; ROOT_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.expose(), &cost.salt, &mut key, memory.as_mut_slice())
            .map_err(internal)?;
        Self::from_secret(Secret::new(std::mem::take(&mut *key)))
    }

    /// Which root key it is, for people and for headers: tells nothing of the key.
    ///
    /// # Errors
    /// None in practice; a bug.
    pub fn id(&self) -> Result<RootId, CryptoError> {
        let tag = self.mac_key(b"root key id")?.tag(b"");
        Ok(RootId(std::array::from_fn(|at| tag[at])))
    }

    /// 32 secret bytes for one purpose (at most 1024 bytes), from which a root of its own can be made.
    ///
    /// # Errors
    /// `BadLength` for a longer purpose.
    pub fn child(&self, purpose: &[u8]) -> Result<Secret, CryptoError> {
        derive(&self.0, "root", purpose)
    }

    /// The sealing key for one purpose (at most 1024 bytes); see [`SealKey`] for why there is more than one.
    ///
    /// # Errors
    /// `BadLength` for a longer purpose.
    pub fn seal_key(&self, purpose: &[u8]) -> Result<SealKey, CryptoError> {
        SealKey::derive(&self.0, purpose)
    }

    /// The MAC key for one purpose (at most 1024 bytes).
    ///
    /// # Errors
    /// `BadLength` for a longer purpose.
    pub fn mac_key(&self, purpose: &[u8]) -> Result<MacKey, CryptoError> {
        MacKey::derive(&self.0, purpose)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> PassphraseCost {
        let salt = std::array::from_fn(|at| u8::try_from(at).unwrap());
        PassphraseCost::new(MEMORY_KIB_MIN, 2, 1, salt).unwrap()
    }

    fn passphrase() -> Secret {
        Secret::copied_from(b"correct horse battery staple")
    }

    /// Computed with the reference implementation in C (argon2-cffi).
    #[test]
    fn a_passphrase_gives_the_key_the_reference_implementation_gives() {
        let key = RootKey::from_passphrase(&passphrase(), &cheap()).unwrap();
        let claim = [
            0x81, 0x82, 0x59, 0xb6, 0x31, 0x00, 0x26, 0xa8, 0xe0, 0xdb, 0xac, 0x5d, 0x2e, 0x69, 0x27, 0xab, 0xcf, 0xdb,
            0x07, 0xb3, 0x22, 0x58, 0xfa, 0xc4, 0xf6, 0x1b, 0x18, 0xb8, 0x0f, 0x92, 0x90, 0x85,
        ];
        assert_eq!(key.0.expose(), claim);
    }

    #[test]
    fn another_passphrase_or_salt_opens_nothing() {
        let sealed = RootKey::from_passphrase(&passphrase(), &cheap()).unwrap().seal_key(b"check").unwrap();
        let sealed = sealed.seal(b"", b"right").unwrap();
        let open = |passphrase: &Secret, cost: &PassphraseCost| {
            RootKey::from_passphrase(passphrase, cost).unwrap().seal_key(b"check").unwrap().open(b"", &sealed)
        };
        assert_eq!(open(&passphrase(), &cheap()).unwrap().expose(), b"right");
        let wrong = Secret::copied_from(b"correct horse battery stapl");
        assert_eq!(open(&wrong, &cheap()).unwrap_err(), CryptoError::Unwrappable);
        let mut other = cheap();
        other.salt[0] ^= 1;
        assert_eq!(open(&passphrase(), &other).unwrap_err(), CryptoError::Unwrappable);
    }

    #[test]
    fn a_stored_cost_comes_back_and_a_hostile_one_is_refused() {
        let cost = PassphraseCost::generate().unwrap();
        assert_eq!((cost.memory_kib, cost.passes, cost.lanes), (65_536, 3, 1));
        assert_eq!(PassphraseCost::of_bytes(&cost.to_bytes()).unwrap(), cost);
        assert_ne!(PassphraseCost::generate().unwrap().salt, cost.salt);

        let stored = |memory: u32, passes: u32, lanes: u32| {
            let numbers = [memory.to_be_bytes(), passes.to_be_bytes(), lanes.to_be_bytes()].concat();
            PassphraseCost::of_bytes(&[numbers, vec![0; SALT_BYTES]].concat())
        };
        assert!(stored(1 << 20, 16, 8).is_ok());
        for (memory, passes, lanes) in [
            (1 << 30, 3, 1), // a terabyte
            (u32::MAX, 3, 1),
            ((1 << 20) + 1, 3, 1),
            (MEMORY_KIB_MIN - 1, 3, 1),
            (0, 3, 1),
            (65_536, 0, 1),
            (65_536, 17, 1),
            (65_536, u32::MAX, 1),
            (65_536, 3, 0),
            (65_536, 3, 9),
        ] {
            assert_eq!(stored(memory, passes, lanes), Err(CryptoError::Unsupported), "{memory} {passes} {lanes}");
        }
        assert_eq!(PassphraseCost::of_bytes(&[0; 27]), Err(CryptoError::BadLength));
        assert_eq!(PassphraseCost::of_bytes(&[0; 29]), Err(CryptoError::BadLength));
    }

    #[test]
    fn a_root_key_has_32_bytes_and_a_passphrase_at_least_one() {
        for length in [0, 31, 33] {
            assert_eq!(RootKey::from_secret(Secret::new(vec![1; length])).unwrap_err(), CryptoError::BadKey);
        }
        for length in [0, PASSPHRASE_BYTES_MAX + 1] {
            let refused = RootKey::from_passphrase(&Secret::new(vec![b'a'; length]), &cheap());
            assert_eq!(refused.unwrap_err(), CryptoError::BadLength);
        }
    }

    #[test]
    fn each_purpose_has_its_own_keys() {
        let root = RootKey::from_secret(Secret::new(vec![9; 32])).unwrap();
        let sealed = root.seal_key(b"grants").unwrap().seal(b"", b"x").unwrap();
        assert_eq!(root.seal_key(b"records").unwrap().open(b"", &sealed).unwrap_err(), CryptoError::Unwrappable);
        assert_ne!(root.child(b"a").unwrap().expose(), root.child(b"b").unwrap().expose());
        let other = RootKey::from_secret(Secret::new(vec![8; 32])).unwrap();
        assert_ne!(root.id().unwrap(), other.id().unwrap());
        assert!(!root.mac_key(b"audit").unwrap().verify(b"x", &root.mac_key(b"other").unwrap().tag(b"x")));
    }
}
