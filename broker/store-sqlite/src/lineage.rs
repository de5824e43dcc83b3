//! What a store keeps of the root keys it was sealed under, past and present, and what brokers of one root key share.

use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::mac::MacKey;
use broker_crypto::root::{ROOT_BYTES, RootId, RootKey};
use broker_crypto::seal::SealKey;
use zeroize::Zeroizing;

/// Most past root keys whose key backups still open; with one more, the oldest is forgotten.
pub const PAST_ROOTS_MAX: usize = 64;
const ID_BYTES: usize = 8;

/// A root key's part in key backups. It outlives the root key, and gives neither it nor any store away.
pub struct Ancestor {
    id: RootId,
    backups: RootKey,
}

impl Ancestor {
    fn of(root: &RootKey) -> Result<Self, CryptoError> {
        Ok(Self { id: root.id()?, backups: RootKey::from_secret(backups_secret(root)?)? })
    }
}

fn backups_secret(root: &RootKey) -> Result<Secret, CryptoError> {
    root.child(b"key backups")
}

/// The root keys of one store.
pub struct Lineage {
    current: Ancestor,
    /// The latest first.
    past: Vec<Ancestor>,
    /// What seals key material, alike in all stores that began with the same root key: a backup's material opens there.
    family: RootKey,
    family_id: RootId,
    /// Vouches for copies of the whole store.
    files: MacKey,
}

impl Lineage {
    /// # Errors
    /// A secret is not 32 bytes; `past` is not what [`Past::to_secret`] gave.
    pub fn new(root: &RootKey, family: Secret, past: &Past) -> Result<Self, CryptoError> {
        let family = RootKey::from_secret(family)?;
        Ok(Self {
            current: Ancestor::of(root)?,
            past: past.ancestors()?,
            family_id: family.id()?,
            family,
            files: files_key(root)?,
        })
    }

    /// What a new store's material is sealed under: from the root key it begins with.
    ///
    /// # Errors
    /// None in practice.
    pub fn new_family(root: &RootKey) -> Result<Secret, CryptoError> {
        root.child(b"family")
    }

    pub const fn family_id(&self) -> RootId {
        self.family_id
    }

    pub fn family_seal_key(&self, purpose: &[u8]) -> Result<SealKey, CryptoError> {
        self.family.seal_key(purpose)
    }

    pub const fn root_id(&self) -> RootId {
        self.current.id
    }

    /// The sealing key for one key backup under the root key of this id, present or past; none for an unknown one.
    pub fn backup_key(&self, root: RootId, salt: &[u8]) -> Option<Result<SealKey, CryptoError>> {
        let known = std::iter::once(&self.current).chain(&self.past).find(|known| known.id == root)?;
        Some(known.backups.seal_key(salt))
    }

    /// Vouches for a copy of the whole store under the present root key.
    pub const fn files_key(&self) -> &MacKey {
        &self.files
    }
}

/// What vouches for copies of a whole store.
///
/// # Errors
/// None in practice.
pub fn files_key(root: &RootKey) -> Result<MacKey, CryptoError> {
    root.mac_key(b"store backup file")
}

/// The past root keys' parts as they are sealed in the header: an id and a secret each, the latest first.
#[derive(Default)]
pub struct Past(Vec<(RootId, Secret)>);

impl Past {
    /// None when these bytes are no such list.
    pub fn of_secret(bytes: &Secret) -> Option<Self> {
        let rows = bytes.expose().chunks_exact(ID_BYTES + ROOT_BYTES);
        if !rows.remainder().is_empty() || rows.len() > PAST_ROOTS_MAX {
            return None;
        }
        let row = |row: &[u8]| {
            let (id, secret) = row.split_first_chunk::<ID_BYTES>()?;
            Some((RootId(*id), Secret::copied_from(secret)))
        };
        rows.map(row).collect::<Option<_>>().map(Self)
    }

    pub fn to_secret(&self) -> Secret {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() * (ID_BYTES + ROOT_BYTES)));
        for (id, secret) in &self.0 {
            bytes.extend_from_slice(&id.0);
            bytes.extend_from_slice(secret.expose());
        }
        Secret::new(std::mem::take(&mut *bytes))
    }

    /// Remembers one more.
    ///
    /// # Errors
    /// None in practice.
    pub fn push(&mut self, root: &RootKey) -> Result<(), CryptoError> {
        let id = root.id()?;
        self.0.retain(|(known, _)| *known != id);
        self.0.insert(0, (id, backups_secret(root)?));
        self.0.truncate(PAST_ROOTS_MAX);
        Ok(())
    }

    fn ancestors(&self) -> Result<Vec<Ancestor>, CryptoError> {
        let row = |(id, secret): &(RootId, Secret)| {
            Ok(Ancestor { id: *id, backups: RootKey::from_secret(Secret::copied_from(secret.expose()))? })
        };
        self.0.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_past_roots_comes_back_and_forgets_the_oldest() {
        let root = |byte: usize| RootKey::from_secret(Secret::new(vec![u8::try_from(byte).unwrap(); 32])).unwrap();
        let mut past = Past::default();
        for byte in 0..=PAST_ROOTS_MAX {
            past.push(&root(byte)).unwrap();
        }
        past.push(&root(5)).unwrap();
        let back = Past::of_secret(&past.to_secret()).unwrap();
        assert_eq!(back.0.len(), PAST_ROOTS_MAX);
        let lineage = Lineage::new(&root(100), Secret::new(vec![1; 32]), &back).unwrap();
        assert!(lineage.backup_key(root(5).id().unwrap(), b"salt").is_some());
        assert!(lineage.backup_key(root(100).id().unwrap(), b"salt").is_some());
        assert!(lineage.backup_key(root(0).id().unwrap(), b"salt").is_none());
        assert!(Past::of_secret(&Secret::new(vec![0; 41])).is_none());
        assert!(Past::of_secret(&Secret::new(vec![0; 40 * (PAST_ROOTS_MAX + 1)])).is_none());
    }
}
