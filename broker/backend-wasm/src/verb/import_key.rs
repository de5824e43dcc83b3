//! import-key: a key made elsewhere becomes a version here.

use broker_core::algorithm::KeySpec;
use broker_core::grant::Permit;
use broker_core::imported::ImportedKey;
use broker_core::name::KeyVersion;
use broker_core::port::Generated;
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb;
use broker_crypto::{CryptoError, jwk};

use super::place_of;
use crate::backend::WasmBackend;
use crate::frame::{Frame, Verb};
use crate::translate;

impl WasmBackend {
    /// Makes a version from a key's numbers; the guest is lent them as PKCS #8 (RSA, EC) or raw bytes (oct).
    ///
    /// # Errors
    /// `AlgorithmUnsupported` for a spec it does not serve, `BadRequest` for numbers that are no such key, and what a
    /// guest's end brings.
    pub(crate) async fn take_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        key: ImportedKey,
    ) -> Result<Generated, Failure> {
        let place = place_of(permit.scope(), version)?;
        self.check_spec(spec)?;
        let material = material_of(spec, &key)?;
        drop(key); // wiped now and not when the guest is done
        let call = self.guest.begin(self.guest.shared.limits.generate_ms_max).await?;
        call.within(Verb::ImportKey, async {
            let context = translate::context(&place);
            let mut instance = call.enter(Frame::about(Verb::ImportKey, place)).await?;
            let lent = instance.lend(material)?;
            let keys = instance.exports.keybroker_backend_keys();
            let answer =
                keys.call_import_key(&mut instance.store, translate::spec_to_guest(spec), lent, &context).await;
            let generated = instance.settle_result(spec.word(), answer)?;
            instance.check_made(spec, generated)
        })
        .await
    }
}

fn material_of(spec: KeySpec, key: &ImportedKey) -> Result<Secret, Failure> {
    jwk::material(spec, key).map_err(|error| match error {
        CryptoError::BadKey | CryptoError::BadLength | CryptoError::Unsupported | CryptoError::Unwrappable => {
            Refusal::BadRequest { problem: format!("the key's numbers are not a sound {spec} key") }.into()
        }
        CryptoError::Internal => Failure::internal(error),
    })
}
