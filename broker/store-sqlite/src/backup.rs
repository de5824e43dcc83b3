//! A key with its materials as bytes that only this store opens again.

use std::sync::Arc;

use broker_core::key::{KeyRecord, Material};
use broker_core::refusal::{Failure, Refusal};
use broker_crypto::random;
use broker_crypto::seal::OVERHEAD_BYTES;
use serde::{Deserialize, Serialize};

use crate::keyring::Keyring;
use crate::record::Record;

/// What every backup begins with: its kind, and the version of the format.
const PREFIX: [u8; 4] = *b"kbb\x01";
/// Each backup has a key of its own, so that any number of them can be sealed with random nonces.
const SALT_BYTES: usize = 16;
/// Longest key with all its materials. What is backed up must come back through a front, in base64url within its largest
/// body (2 MiB unless configured otherwise); some 300 versions of RSA-4096 fit.
const PLAINTEXT_BYTES_MAX: usize = 1 << 20;
/// Longest backup in bytes.
pub const BACKUP_BYTES_MAX: usize = PREFIX.len() + SALT_BYTES + PLAINTEXT_BYTES_MAX + OVERHEAD_BYTES;

/// Each part as it is kept in the store, its own format byte first.
#[derive(Serialize, Deserialize)]
struct BackupMirror<'a> {
    key: &'a [u8],
    #[serde(borrow)]
    materials: Vec<&'a [u8]>,
}

/// Prefix, salt, and the sealed key: at most [`BACKUP_BYTES_MAX`] bytes.
///
/// # Errors
/// `Conflict` when the key is larger than 1 MiB; `Internal` when the generator fails.
pub fn seal(
    keyring: &Keyring,
    store_id: &[u8; 16],
    record: &KeyRecord,
    materials: &[Arc<Material>],
) -> Result<Vec<u8>, Failure> {
    let parts = materials.iter().map(|material| material.encode()).collect::<Result<Vec<_>, _>>();
    let (key, parts) = (record.encode().map_err(Failure::internal)?, parts.map_err(Failure::internal)?);
    let mirror = BackupMirror { key: &key, materials: parts.iter().map(Vec::as_slice).collect() };
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
    let salt: [u8; SALT_BYTES] = random::random().map_err(Failure::internal)?;
    let key = keyring.backup_key(&salt).map_err(Failure::internal)?;
    let sealed = key.seal(&place(store_id, &salt), &body).map_err(Failure::internal)?;
    Ok([&PREFIX[..], &salt, &sealed].concat())
}

/// What [`seal`] sealed for the same store. The refusal is the same whatever is wrong; its cause is for the log.
///
/// # Errors
/// `BadRequest` for anything else.
pub fn open(keyring: &Keyring, store_id: &[u8; 16], backup: &[u8]) -> Result<(KeyRecord, Vec<Material>), Failure> {
    opened(keyring, store_id, backup).map_err(|cause| {
        let problem = "the value is no backup made by this broker, or was changed since".to_owned();
        Failure::caused(Refusal::BadRequest { problem }, cause)
    })
}

fn opened(keyring: &Keyring, store_id: &[u8; 16], backup: &[u8]) -> Result<(KeyRecord, Vec<Material>), String> {
    if backup.len() > BACKUP_BYTES_MAX {
        return Err(format!("{} bytes are too many", backup.len()));
    }
    let sealed = backup.strip_prefix(&PREFIX).ok_or("it begins like no backup of this version")?;
    let (salt, sealed) = sealed.split_first_chunk::<SALT_BYTES>().ok_or("it is too short")?;
    let key = keyring.backup_key(salt).map_err(|error| error.to_string())?;
    let body = key.open(&place(store_id, salt), sealed).map_err(|_| "it is another store's, or was changed")?;
    let mirror: BackupMirror<'_> = postcard::from_bytes(body.expose()).map_err(|error| error.to_string())?;
    let record = KeyRecord::decode(mirror.key).map_err(|error| error.to_string())?;
    let materials = mirror.materials.into_iter().map(Material::decode).collect::<Result<Vec<_>, _>>();
    let materials = materials.map_err(|error| error.to_string())?;
    if record.versions.is_empty() || record.versions.len() != materials.len() {
        return Err(format!("{} versions, but {} materials", record.versions.len(), materials.len()));
    }
    Ok((record, materials))
}

/// What a backup is bound to beside its key.
fn place(store_id: &[u8; 16], salt: &[u8; SALT_BYTES]) -> Vec<u8> {
    [&PREFIX[..], store_id, salt].concat()
}
