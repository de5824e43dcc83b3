//! Root keys: what other keys are derived from. Their bytes leave the host only under a password.

use std::sync::Arc;

use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use broker_crypto::random;
use broker_crypto::root::{COST_BYTES, PassphraseCost, ROOT_BYTES, RootKey};
use broker_crypto::{CryptoError, seal};
use wasmtime::component::Resource;

use super::crypto::{Answer, or_answer, refused};
use super::{HeldKey, Room};
use crate::contract::{roots, types};
use crate::frame::Act;
use crate::translate;

/// How an export begins; the number is that of its layout.
const EXPORT_MAGIC: &[u8; 17] = b"keybroker root 1\n";
const EXPORT_BYTES: usize = EXPORT_MAGIC.len() + COST_BYTES + ROOT_BYTES + seal::OVERHEAD_BYTES;
/// What the key under the password seals.
const EXPORT_PURPOSE: &[u8] = b"keybroker root export";
/// Shorter ones are guessed, whatever Argon2id costs. (The longest is Argon2id's own limit.)
const PASSWORD_BYTES_MIN: usize = 8;
const LABEL_BYTES_MAX: usize = 256;

/// A root key in a guest's hand.
pub struct Root(Arc<Secret>);

impl roots::HostRoot for Room {
    fn drop(&mut self, root: Resource<Root>) -> wasmtime::Result<()> {
        self.release(root)
    }
}

impl roots::Host for Room {
    fn generate(&mut self) -> Answer<Resource<Root>> {
        or_answer!(self.admit(Act::GenerateRoot)?);
        let root = or_answer!(random::secret(ROOT_BYTES).map_err(refused));
        Ok(Ok(self.put(Root(Arc::new(root)))?))
    }

    fn seal(&mut self, root: Resource<Root>) -> Answer<Vec<u8>> {
        or_answer!(self.admit(Act::SealRoot)?);
        let bound = self.root_context();
        let root = self.root(&root)?;
        Ok(self.shared.seal.seal(&bound, root.expose()).map_err(refused))
    }

    fn open(&mut self, sealed: Vec<u8>) -> Answer<Resource<Root>> {
        or_answer!(self.admit(Act::OpenRoot)?);
        // As with keys: what does not open is not what this plugin was given, and the mistake is its own.
        let opened = self.shared.seal.open(&self.root_context(), &sealed).map_err(|_| types::Error::Internal);
        let root = or_answer!(opened);
        Ok(Ok(self.put(Root(Arc::new(root)))?))
    }

    fn derive(&mut self, root: Resource<Root>, spec: types::KeySpec, label: Vec<u8>) -> Answer<Resource<HeldKey>> {
        or_answer!(self.admit(Act::Derive)?);
        let Some(place) = &self.frame.place else { return Ok(Err(types::Error::BadRequest)) };
        if !(1..=LABEL_BYTES_MAX).contains(&label.len()) {
            return Ok(Err(types::Error::BadRequest));
        }
        // The host's own words first: whatever the label, a call for one key derives no other key's.
        let info = [place.vault.as_str().as_bytes(), &[0], place.key.as_str().as_bytes(), &[0], &label].concat();
        let spec = translate::spec_of_guest(spec);
        let key = or_answer!(CryptoKey::derive(&*self.root(&root)?, spec, &info).map_err(refused));
        self.made.push((spec, key.public_key()));
        Ok(Ok(self.put(HeldKey(Arc::new(key)))?))
    }

    async fn export_root(&mut self, root: Resource<Root>, password: Resource<Secret>) -> Answer<Vec<u8>> {
        or_answer!(self.admit(Act::ExportRoot)?);
        let (root, password) = (self.root(&root)?, or_answer!(self.password(&password)?));
        self.on_thread(move || export(&root, &password)).await
    }

    async fn import_root(&mut self, exported: Vec<u8>, password: Resource<Secret>) -> Answer<Resource<Root>> {
        or_answer!(self.admit(Act::ImportRoot)?);
        let password = or_answer!(self.password(&password)?);
        let root = or_answer!(self.on_thread(move || import(&exported, &password)).await?);
        Ok(Ok(self.put(Root(Arc::new(root)))?))
    }
}

impl Room {
    fn root(&self, root: &Resource<Root>) -> wasmtime::Result<Arc<Secret>> {
        Ok(Arc::clone(&self.handle(root)?.0))
    }

    fn password(&self, password: &Resource<Secret>) -> wasmtime::Result<Result<Secret, types::Error>> {
        let password = self.secret(password)?;
        let long_enough = password.len() >= PASSWORD_BYTES_MIN;
        Ok(if long_enough { Ok(Secret::copied_from(password.expose())) } else { Err(types::Error::BadRequest) })
    }

    /// A root is the plugin's, not a key's.
    fn root_context(&self) -> Vec<u8> {
        [b"keybroker sealed root 1 ", self.shared.plugin.as_str().as_bytes()].concat()
    }
}

fn export(root: &Secret, password: &Secret) -> Result<Vec<u8>, CryptoError> {
    let cost = PassphraseCost::generate()?;
    let key = RootKey::from_passphrase(password, &cost)?.seal_key(EXPORT_PURPOSE)?;
    Ok([EXPORT_MAGIC.as_slice(), &cost.to_bytes(), &key.seal(EXPORT_MAGIC, root.expose())?].concat())
}

/// `Unwrappable` for another password and for anything that is no export.
fn import(exported: &[u8], password: &Secret) -> Result<Secret, CryptoError> {
    let rest = exported.strip_prefix(EXPORT_MAGIC).filter(|_| exported.len() == EXPORT_BYTES);
    let (cost, sealed) = rest.and_then(|rest| rest.split_at_checked(COST_BYTES)).ok_or(CryptoError::Unwrappable)?;
    let cost = PassphraseCost::of_bytes(cost).map_err(|_| CryptoError::Unwrappable)?;
    RootKey::from_passphrase(password, &cost)?.seal_key(EXPORT_PURPOSE)?.open(EXPORT_MAGIC, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_opens_whole_and_under_its_password_alone() {
        let (root, password) = (Secret::new(vec![7; ROOT_BYTES]), Secret::copied_from(b"correct horse"));
        let exported = export(&root, &password).unwrap();
        assert_eq!(import(&exported, &password).unwrap().expose(), root.expose());
        let refused = |exported: &[u8], password: &Secret| import(exported, password).unwrap_err();
        assert_eq!(refused(&exported, &Secret::copied_from(b"correct hors")), CryptoError::Unwrappable);
        for at in [0, 20, 30, exported.len() - 40, exported.len() - 1] {
            let mut changed = exported.clone();
            changed[at] ^= 1;
            assert!(import(&changed, &password).is_err(), "byte {at}");
        }
        assert_eq!(refused(&exported[..exported.len() - 1], &password), CryptoError::Unwrappable);
        assert_eq!(refused(b"", &password), CryptoError::Unwrappable);
    }
}
