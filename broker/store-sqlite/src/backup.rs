//! A key with its materials as bytes that only brokers of the same root key open again.

use std::sync::Arc;

use broker_core::key::{KeyRecord, Material};
use broker_core::refusal::{Failure, Refusal};
use broker_crypto::random;
use broker_crypto::root::RootId;
use broker_crypto::seal::OVERHEAD_BYTES;
use serde::{Deserialize, Serialize};

use crate::keyring::Keyring;
use crate::record::Record;

/// What every backup begins with: its kind, and the version of the format; then the root key's id, a salt, the sealing.
const PREFIX: [u8; 4] = *b"kbb\x02";
/// The first format: a salt and the sealing, under the store's own data key. Opened, never made.
const PREFIX_1: [u8; 4] = *b"kbb\x01";
const ROOT_ID_BYTES: usize = 8;
/// Each backup has a key of its own, so that any number of them can be sealed with random nonces.
const SALT_BYTES: usize = 16;
/// Longest key with all its materials. What is backed up must come back through a front, in base64url within its largest
/// body (2 MiB unless configured otherwise); some 300 versions of RSA-4096 fit.
const PLAINTEXT_BYTES_MAX: usize = 1 << 20;
/// Longest backup in bytes.
pub const BACKUP_BYTES_MAX: usize = PREFIX.len() + ROOT_ID_BYTES + SALT_BYTES + PLAINTEXT_BYTES_MAX + OVERHEAD_BYTES;

/// A backup of the second format.
#[derive(Serialize, Deserialize)]
struct SealedMirror<'a> {
    /// Which stores open the material.
    family: [u8; ROOT_ID_BYTES],
    #[serde(borrow)]
    backup: BackupMirror<'a>,
}

/// Each part as it is kept in the store, its own format byte first.
#[derive(Serialize, Deserialize)]
struct BackupMirror<'a> {
    key: &'a [u8],
    #[serde(borrow)]
    materials: Vec<&'a [u8]>,
}

/// Prefix, the root key's id, salt, and the sealed key: at most [`BACKUP_BYTES_MAX`] bytes.
///
/// # Errors
/// `Conflict` when the key is larger than 1 MiB; `Internal` when the generator fails.
pub fn seal(keyring: &Keyring, record: &KeyRecord, materials: &[Arc<Material>]) -> Result<Vec<u8>, Failure> {
    let parts = materials.iter().map(|material| material.encode()).collect::<Result<Vec<_>, _>>();
    let (key, parts) = (record.encode().map_err(Failure::internal)?, parts.map_err(Failure::internal)?);
    let backup = BackupMirror { key: &key, materials: parts.iter().map(Vec::as_slice).collect() };
    let mirror = SealedMirror { family: keyring.lineage.family_id().0, backup };
    let body = postcard::to_extend(&mirror, Vec::new()).map_err(Failure::internal)?;
    if body.len() > PLAINTEXT_BYTES_MAX {
        let problem = format!(
            "key {} takes {} bytes with its {} versions, but a backup holds at most {PLAINTEXT_BYTES_MAX}",
            record.name,
            body.len(),
            record.versions.len()
        );
        return Err(Refusal::Conflict { problem }.into());
    }
    let (root, salt): (_, [u8; SALT_BYTES]) = (keyring.lineage.root_id(), random::random().map_err(Failure::internal)?);
    let key = keyring.lineage.backup_key(root, &salt).ok_or_else(|| Failure::internal("no root key is in force"))?;
    let sealed = key.and_then(|key| key.seal(&place(root, &salt), &body)).map_err(Failure::internal)?;
    Ok([&place(root, &salt), &sealed[..]].concat())
}

/// What [`seal`] sealed, for this store or a peer of the same root key. The refusal is the same whatever is wrong; its
/// cause is for the log.
///
/// # Errors
/// `BadRequest` for anything else.
pub fn open(keyring: &Keyring, store_id: &[u8; 16], backup: &[u8]) -> Result<(KeyRecord, Vec<Material>), Failure> {
    let opened = || {
        if backup.len() > BACKUP_BYTES_MAX {
            return Err(format!("{} bytes are too many", backup.len()));
        }
        if let Some(rest) = backup.strip_prefix(&PREFIX_1) {
            return open_first_format(keyring, store_id, rest);
        }
        open_sealed(keyring, backup.strip_prefix(&PREFIX).ok_or("it begins like no backup of this version")?)
    };
    opened().map_err(|cause| {
        let problem = "the value is no backup made under a root key of this broker, or was changed since".to_owned();
        Failure::caused(Refusal::BadRequest { problem }, cause)
    })
}

type Opened = (KeyRecord, Vec<Material>);

fn open_sealed(keyring: &Keyring, rest: &[u8]) -> Result<Opened, String> {
    let (root, rest) = rest.split_first_chunk::<ROOT_ID_BYTES>().ok_or("it is too short")?;
    let (salt, sealed) = rest.split_first_chunk::<SALT_BYTES>().ok_or("it is too short")?;
    let root = RootId(*root);
    let key = keyring.lineage.backup_key(root, salt);
    let key = key.ok_or_else(|| format!("it was made under root key {root}, which this store never had"))?;
    let key = key.map_err(|error| error.to_string())?;
    let body = key.open(&place(root, salt), sealed).map_err(|_| "it was changed")?;
    let mirror: SealedMirror<'_> = postcard::from_bytes(body.expose()).map_err(|error| error.to_string())?;
    let (record, materials) = decoded(&mirror.backup)?;
    // What an HSM keeps is sealed by nobody here.
    let in_software = record.versions.iter().any(|version| !version.hsm);
    if in_software && mirror.family != keyring.lineage.family_id().0 {
        return Err(
            "its broker began with another root key than this one, so its material opens there alone".to_owned()
        );
    }
    Ok((record, materials))
}

fn open_first_format(keyring: &Keyring, store_id: &[u8; 16], rest: &[u8]) -> Result<Opened, String> {
    let (salt, sealed) = rest.split_first_chunk::<SALT_BYTES>().ok_or("it is too short")?;
    let key = keyring.old_backup_key(salt).map_err(|error| error.to_string())?;
    let place = [&PREFIX_1[..], store_id, salt].concat();
    let body = key.open(&place, sealed).map_err(|_| "it is another store's, or was changed")?;
    decoded(&postcard::from_bytes(body.expose()).map_err(|error| error.to_string())?)
}

fn decoded(mirror: &BackupMirror<'_>) -> Result<Opened, String> {
    let record = KeyRecord::decode(mirror.key).map_err(|error| error.to_string())?;
    let materials = mirror.materials.iter().map(|material| Material::decode(material)).collect::<Result<Vec<_>, _>>();
    let materials = materials.map_err(|error| error.to_string())?;
    if record.versions.is_empty() || record.versions.len() != materials.len() {
        return Err(format!("{} versions, but {} materials", record.versions.len(), materials.len()));
    }
    Ok((record, materials))
}

/// What a backup begins with, and is bound to beside its key.
fn place(root: RootId, salt: &[u8; SALT_BYTES]) -> Vec<u8> {
    [&PREFIX[..], &root.0, salt].concat()
}
