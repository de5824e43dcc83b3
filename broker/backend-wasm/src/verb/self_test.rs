//! self-test: is it able to serve?

use broker_core::refusal::Failure;

use crate::call::Guest;
use crate::frame::{Frame, Verb};

impl Guest {
    pub async fn self_test(&self) -> Result<(), Failure> {
        let call = self.begin(self.shared.limits.call_ms_max).await?;
        call.within(Verb::SelfTest, async {
            let mut instance = call.enter(Frame::about_no_key(Verb::SelfTest)).await?;
            let answer = instance.exports.keybroker_backend_keys().call_self_test(&mut instance.store).await;
            instance.settle_result("", answer)
        })
        .await
    }
}
