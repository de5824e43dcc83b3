//! Cryptography on handles, in the frame of the call.

use std::sync::Arc;

use broker_core::algorithm::{KeyFamily, KeySpec};
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::key::CryptoKey;
use wasmtime::component::Resource;

use super::{Breach, HeldKey, KEYS_MADE_MAX, Room};
use crate::contract::{crypto, types};
use crate::frame::{Act, sealing_context};
use crate::translate;

/// What a guest hears beside a result; the outer error ends its call.
pub type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// Unpacks an answer, or gives the guest its error.
macro_rules! or_answer {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}
pub(super) use or_answer;

impl crypto::HostSecret for Room {
    fn length(&mut self, secret: Resource<Secret>) -> wasmtime::Result<u32> {
        self.count_call()?;
        // Every way to make one is bounded by 65 536 bytes.
        Ok(self.secret(&secret)?.len() as u32)
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.release(secret)
    }
}

impl crypto::HostKey for Room {
    fn spec(&mut self, key: Resource<HeldKey>) -> wasmtime::Result<types::KeySpec> {
        self.count_call()?;
        Ok(translate::spec_to_guest(self.key(&key)?.spec()))
    }

    fn public_part(&mut self, key: Resource<HeldKey>) -> wasmtime::Result<types::PublicKey> {
        self.count_call()?;
        Ok(translate::public_to_guest(&self.key(&key)?.public_key()))
    }

    fn drop(&mut self, key: Resource<HeldKey>) -> wasmtime::Result<()> {
        self.release(key)
    }
}

impl crypto::Host for Room {
    async fn generate(&mut self, spec: types::KeySpec) -> Answer<Resource<HeldKey>> {
        or_answer!(self.admit(Act::Generate)?);
        let spec = translate::spec_of_guest(spec);
        let key = or_answer!(self.make(spec, move || CryptoKey::generate(spec)).await?);
        Ok(Ok(self.put(HeldKey(Arc::new(key)))?))
    }

    async fn import_secret(&mut self, spec: types::KeySpec, material: Resource<Secret>) -> Answer<Resource<HeldKey>> {
        or_answer!(self.admit(Act::ImportSecret)?);
        let spec = translate::spec_of_guest(spec);
        let material = Secret::copied_from(self.secret(&material)?.expose());
        let key = or_answer!(self.make(spec, move || CryptoKey::import(spec, &material)).await?);
        Ok(Ok(self.put(HeldKey(Arc::new(key)))?))
    }

    fn seal(&mut self, key: Resource<HeldKey>) -> Answer<Vec<u8>> {
        or_answer!(self.admit(Act::Seal)?);
        let key = self.key(&key)?;
        let Some(place) = &self.frame.place else { return Ok(Err(types::Error::BadRequest)) };
        let material = or_answer!(key.to_material().map_err(refused));
        let bound = sealing_context(&self.shared.plugin, place, key.spec());
        let mut sealed = vec![spec_byte(key.spec())];
        sealed.extend(or_answer!(self.shared.seal.seal(&bound, material.expose()).map_err(refused)));
        self.made.push((key.spec(), key.public_key()));
        Ok(Ok(sealed))
    }

    fn open(&mut self, sealed: Vec<u8>) -> Answer<Resource<HeldKey>> {
        or_answer!(self.admit(Act::Open)?);
        let Some(place) = &self.frame.place else { return Ok(Err(types::Error::BadRequest)) };
        let key = match self.shared.keys.find(place, &sealed) {
            Some(key) => {
                self.shared.counters.key_cache_hits.add();
                key
            }
            None => {
                self.shared.counters.key_cache_misses.add();
                let key = Arc::new(or_answer!(self.open_sealed(&sealed)));
                self.shared.keys.keep(place.clone(), &sealed, Arc::clone(&key));
                key
            }
        };
        Ok(Ok(self.put(HeldKey(key))?))
    }

    fn wrap(
        &mut self,
        key: Resource<HeldKey>,
        algorithm: types::WrapAlgorithm,
        secret: Resource<Secret>,
        extras: types::WrapExtras,
    ) -> Answer<types::Wrapped> {
        or_answer!(self.admit(Act::Wrap)?);
        let algorithm = translate::wrap_of_guest(algorithm);
        let key = self.key(&key)?;
        if !algorithm.fits(key.spec()) {
            return Ok(Err(types::Error::Unsupported));
        }
        let wrapped = key.wrap(algorithm, self.secret(&secret)?, &translate::extras_of_guest(extras));
        Ok(wrapped.map(translate::wrapped_to_guest).map_err(refused))
    }

    fn unwrap(
        &mut self,
        key: Resource<HeldKey>,
        algorithm: types::WrapAlgorithm,
        value: Vec<u8>,
        extras: types::WrapExtras,
    ) -> Answer<Resource<Secret>> {
        or_answer!(self.admit(Act::Unwrap)?);
        let algorithm = translate::wrap_of_guest(algorithm);
        let key = self.key(&key)?;
        if !algorithm.fits(key.spec()) {
            return Ok(Err(types::Error::Unsupported));
        }
        let secret = key.unwrap_secret(algorithm, &value, &translate::extras_of_guest(extras));
        let secret = or_answer!(secret.map_err(refused));
        Ok(Ok(self.put(secret)?))
    }

    fn sign(&mut self, key: Resource<HeldKey>, algorithm: types::SignAlgorithm, digest: Vec<u8>) -> Answer<Vec<u8>> {
        or_answer!(self.admit(Act::Sign)?);
        let algorithm = translate::sign_of_guest(algorithm);
        let key = self.key(&key)?;
        if !algorithm.fits(key.spec()) {
            return Ok(Err(types::Error::Unsupported));
        }
        if digest.len() != algorithm.digest_bytes() {
            return Ok(Err(types::Error::BadRequest));
        }
        Ok(key.sign(algorithm, &digest).map_err(refused))
    }
}

impl Room {
    /// Makes a key with `work`; RSA, which takes up to seconds, on a thread where it holds nobody up.
    async fn make(
        &mut self,
        spec: KeySpec,
        work: impl FnOnce() -> Result<CryptoKey, CryptoError> + Send + 'static,
    ) -> Answer<CryptoKey> {
        self.keys_made += 1;
        if self.keys_made > KEYS_MADE_MAX {
            return Err(Breach::KeysMade.into());
        }
        if spec.family() != KeyFamily::Rsa {
            return Ok(work().map_err(refused));
        }
        self.on_thread(work).await
    }

    /// Does what takes long on a thread where it holds nobody up; few at a time.
    pub(super) async fn on_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Result<T, CryptoError> + Send + 'static,
    ) -> Answer<T> {
        let slot = Arc::clone(&self.shared.generating).acquire_owned().await?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even when the call that asked for it has been ended.
            let _slot = slot;
            work()
        });
        Ok(made.await?.map_err(refused))
    }

    /// `internal` whatever is wrong: a guest is handed its own material, so the mistake is its own (or the material was
    /// sealed for another place, and then it learns nothing).
    fn open_sealed(&self, sealed: &[u8]) -> Result<CryptoKey, types::Error> {
        let place = self.frame.place.as_ref().ok_or(types::Error::BadRequest)?;
        let (&byte, sealed) = sealed.split_first().ok_or(types::Error::Internal)?;
        let spec = spec_of_byte(byte).ok_or(types::Error::Internal)?;
        let bound = sealing_context(&self.shared.plugin, place, spec);
        let material = self.shared.seal.open(&bound, sealed).map_err(|_| types::Error::Internal)?;
        CryptoKey::from_material(spec, &material).map_err(|_| types::Error::Internal)
    }
}

/// A refusal of the cryptographic room, in the contract's words.
pub(super) fn refused(error: CryptoError) -> types::Error {
    match error {
        CryptoError::BadKey | CryptoError::BadLength => types::Error::BadRequest,
        CryptoError::Internal => types::Error::Unavailable,
        CryptoError::Unsupported => types::Error::Unsupported,
        CryptoError::Unwrappable => types::Error::Unwrappable,
    }
}

/// The first byte of sealed bytes, before the seal itself: which parser the key needs. The seal is bound to it.
const fn spec_byte(spec: KeySpec) -> u8 {
    match spec {
        KeySpec::Rsa2048 => 1,
        KeySpec::Rsa3072 => 2,
        KeySpec::Rsa4096 => 3,
        KeySpec::EcP256 => 4,
        KeySpec::EcP384 => 5,
        KeySpec::EcP521 => 6,
        KeySpec::Oct128 => 7,
        KeySpec::Oct192 => 8,
        KeySpec::Oct256 => 9,
    }
}

fn spec_of_byte(byte: u8) -> Option<KeySpec> {
    KeySpec::ALL.iter().copied().find(|&spec| spec_byte(spec) == byte)
}
