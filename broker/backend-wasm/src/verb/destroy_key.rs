//! destroy-key: a version is gone for good.

use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;

use super::home_of;
use crate::backend::WasmBackend;
use crate::frame::{Frame, Verb};
use crate::translate;

impl WasmBackend {
    /// Tells the guest that these versions of one key are gone, and wipes them from the cache first.
    ///
    /// # Errors
    /// The first failure; the guest may not have heard of the versions after it.
    pub(crate) async fn destroy_all(
        &self,
        permit: Permit<verb::PurgeKey>,
        versions: &[Candidate],
    ) -> Result<(), Failure> {
        for gone in versions {
            let place = home_of(permit.scope(), gone)?;
            self.guest.shared.keys.forget(&place);
            let call = self.guest.begin(self.guest.shared.limits.call_ms_max).await?;
            call.within(Verb::DestroyKey, async {
                let context = translate::context(&place);
                let mut instance = call.enter(Frame::about(Verb::DestroyKey, place.clone())).await?;
                let keys = instance.exports.keybroker_backend_keys();
                let answer = keys.call_destroy_key(&mut instance.store, &gone.material.opaque, &context).await;
                instance.settle_result("", answer)
            })
            .await?;
            // Once more, for the guest may have opened it.
            self.guest.shared.keys.forget(&place);
        }
        Ok(())
    }
}
