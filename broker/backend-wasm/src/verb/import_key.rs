//! import-key: a key made elsewhere becomes a version here.

use broker_core::algorithm::KeySpec;
use broker_core::grant::Permit;
use broker_core::name::KeyVersion;
use broker_core::port::Generated;
use broker_core::refusal::Failure;
use broker_core::secret::Secret;
use broker_core::verb;

use super::place_of;
use crate::backend::WasmBackend;
use crate::frame::{Frame, Verb};
use crate::translate;

impl WasmBackend {
    /// Makes a version from PKCS #8 (RSA, EC) or raw bytes (oct).
    ///
    /// # Errors
    /// `AlgorithmUnsupported` for a spec it does not serve, `BadRequest` for material that is no such key, and what a
    /// guest's end brings.
    pub(crate) async fn take_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        material: Secret,
    ) -> Result<Generated, Failure> {
        let place = place_of(permit.scope(), version)?;
        self.check_spec(spec)?;
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
