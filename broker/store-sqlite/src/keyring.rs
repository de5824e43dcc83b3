//! The keys that the data key gives, one for each use.

use broker_core::grant::GrantId;
use broker_core::name::{AnchorName, KeyName, KeyVersion, VaultName};
use broker_core::object::{ObjectId, Term};
use broker_core::secret::Secret;
use broker_crypto::mac::MacKey;
use broker_crypto::root::RootKey;
use broker_crypto::seal::SealKey;
use broker_crypto::{CryptoError, random};

use crate::lineage::Lineage;
use crate::object::TermId;
use crate::refuse::StoreError;
use crate::row::{Kind, Listed, Mark, RecordId, Waiting};

/// The state is sealed at every transaction, so its key changes every 2^20 generations: no nonce comes twice.
const STATE_KEY_GENERATIONS_BITS: u32 = 20;

/// All the keys of one open store.
pub struct Keyring {
    /// What all others are derived from.
    data: RootKey,
    ids: MacKey,
    pub lineage: Lineage,
    listing: MacKey,
    marks: MacKey,
    others: MacKey,
    /// By kind, less one.
    records: [SealKey; 9],
    term_rows: MacKey,
    terms: MacKey,
    waiting: MacKey,
}

impl Keyring {
    /// # Errors
    /// The data key is not 32 bytes.
    pub fn new(data_key: Secret, lineage: Lineage) -> Result<Self, CryptoError> {
        let data = RootKey::from_secret(data_key)?;
        Ok(Self {
            ids: data.mac_key(b"store ids")?,
            lineage,
            listing: data.mac_key(b"store listing")?,
            marks: data.mac_key(b"store marks")?,
            others: data.mac_key(b"store secrets for other purposes")?,
            records: [
                data.seal_key(b"store record key")?,
                data.seal_key(b"store record material")?,
                data.seal_key(b"store record grant")?,
                data.seal_key(b"store record pin")?,
                data.seal_key(b"store record vault")?,
                data.seal_key(b"store record setting")?,
                data.seal_key(b"store record object")?,
                data.seal_key(b"store record elevation")?,
                data.seal_key(b"store record identity")?,
            ],
            term_rows: data.mac_key(b"store term rows")?,
            terms: data.mac_key(b"store terms")?,
            waiting: data.mac_key(b"store waiting")?,
            data,
        })
    }

    pub fn key_id(&self, vault: &VaultName, key: &KeyName) -> RecordId {
        self.id(Kind::Key, &[vault.as_str().as_bytes(), key.as_str().as_bytes()])
    }

    pub fn material_id(&self, vault: &VaultName, key: &KeyName, version: KeyVersion) -> RecordId {
        self.id(Kind::Material, &[vault.as_str().as_bytes(), key.as_str().as_bytes(), &version.0])
    }

    pub fn grant_id(&self, id: GrantId) -> RecordId {
        self.id(Kind::Grant, &[&id.0])
    }

    pub fn elevation_id(&self, id: GrantId) -> RecordId {
        self.id(Kind::Elevation, &[&id.0])
    }

    pub fn identity_id(&self, name: &AnchorName) -> RecordId {
        self.id(Kind::Identity, &[name.as_str().as_bytes()])
    }

    pub fn pin_id(&self, name: &AnchorName) -> RecordId {
        self.id(Kind::Pin, &[name.as_str().as_bytes()])
    }

    pub fn vault_id(&self, name: &VaultName) -> RecordId {
        self.id(Kind::Vault, &[name.as_str().as_bytes()])
    }

    /// Of a name of at most 64 bytes.
    pub fn setting_id(&self, name: &str) -> RecordId {
        self.id(Kind::Setting, &[name.as_bytes()])
    }

    pub fn object_id(&self, vault: &VaultName, id: ObjectId) -> RecordId {
        self.id(Kind::Object, &[vault.as_str().as_bytes(), &id.0])
    }

    /// What stands for a term of a vault's objects; without one, for all of them.
    pub fn term_id(&self, vault: &VaultName, term: Option<&Term>) -> TermId {
        let mut message = Vec::with_capacity(128);
        for part in [vault.as_str().as_bytes(), term.map_or(&b""[..], |term| term.field.word().as_bytes())] {
            message.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            message.extend_from_slice(part);
        }
        message.extend_from_slice(term.map_or(&[], |term| &term.value));
        let tag = self.terms.tag(&message);
        TermId(std::array::from_fn(|index| tag[index]))
    }

    /// What a row beside the marks of objects adds to its tally.
    pub fn term_element(&self, row: &[u8]) -> [u8; 32] {
        self.term_rows.tag(row)
    }

    fn id(&self, kind: Kind, parts: &[&[u8]]) -> RecordId {
        let mut message = Vec::with_capacity(192);
        message.push(kind as u8);
        for part in parts {
            // Each part with its length: no two lists of parts are the same bytes. Names have at most 127.
            message.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            message.extend_from_slice(part);
        }
        let tag = self.ids.tag(&message);
        RecordId(std::array::from_fn(|index| tag[index]))
    }

    /// What a mark adds to the store's tally.
    pub fn mark_element(&self, mark: &Mark) -> [u8; 32] {
        self.marks.tag(&mark.bytes())
    }

    /// What a listed key adds to the tally of the listing.
    pub fn listed_element(&self, listed: &Listed) -> [u8; 32] {
        self.listing.tag(&listed.bytes())
    }

    /// What a waiting key adds to the tally of what is due.
    pub fn waiting_element(&self, waiting: &Waiting) -> [u8; 32] {
        self.waiting.tag(&waiting.bytes())
    }

    /// A fresh stamp for a mark.
    ///
    /// # Errors
    /// The generator fails.
    pub fn stamp(&self) -> Result<i64, StoreError> {
        let bytes = random::random().map_err(|error| StoreError::Bug(format!("no random bytes: {error}")))?;
        Ok(i64::from_be_bytes(bytes))
    }

    /// # Errors
    /// More than 16 MiB, or no random bytes.
    pub fn seal_record(&self, mark: &Mark, body: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sealed = self.records[mark.kind as usize - 1].seal(&mark.bytes(), body);
        sealed.map_err(|error| StoreError::Bug(format!("a record of {} bytes was not sealed: {error}", body.len())))
    }

    /// # Errors
    /// `Altered` when these bytes were not sealed for exactly this mark.
    pub fn open_record(&self, mark: &Mark, sealed: &[u8]) -> Result<Secret, StoreError> {
        self.records[mark.kind as usize - 1].open(&mark.bytes(), sealed).map_err(|_| {
            StoreError::Altered(format!(
                "the body of record {} ({:?}, revision {}) is another's, an older one or damaged",
                mark.seq, mark.kind, mark.revision
            ))
        })
    }

    /// # Errors
    /// No random bytes.
    pub fn seal_state(&self, generation: u64, state: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = self.state_key(generation);
        let sealed = key.and_then(|key| key.seal(&generation.to_be_bytes(), state));
        sealed.map_err(|error| StoreError::Bug(format!("the store's state was not sealed: {error}")))
    }

    /// None when these bytes were not sealed for exactly this generation.
    pub fn open_state(&self, generation: u64, sealed: &[u8]) -> Option<Secret> {
        self.state_key(generation).and_then(|key| key.open(&generation.to_be_bytes(), sealed)).ok()
    }

    fn state_key(&self, generation: u64) -> Result<SealKey, CryptoError> {
        let span = (generation >> STATE_KEY_GENERATIONS_BITS).to_be_bytes();
        self.data.seal_key(&[b"store state ", &span[..]].concat())
    }

    /// A sealing key for one key backup of the first format, by its salt.
    pub fn old_backup_key(&self, salt: &[u8; 16]) -> Result<SealKey, CryptoError> {
        self.data.seal_key(&[b"store backup ", &salt[..]].concat())
    }

    /// A sealing key for something outside the store; the same at every opening of the same store and of its peers.
    pub fn purpose_seal_key(&self, purpose: &str) -> Result<SealKey, CryptoError> {
        self.lineage.family_seal_key(&[b"for ", purpose.as_bytes()].concat())
    }

    /// A MAC key for something outside the store.
    pub fn purpose_mac_key(&self, purpose: &str) -> Result<MacKey, CryptoError> {
        self.data.mac_key(&[b"for ", purpose.as_bytes()].concat())
    }

    /// 32 secret bytes for something outside the store.
    pub fn purpose_secret(&self, purpose: &str) -> Secret {
        let mut tag = self.others.tag(purpose.as_bytes());
        let secret = Secret::copied_from(&tag);
        zeroize::Zeroize::zeroize(&mut tag);
        secret
    }
}
