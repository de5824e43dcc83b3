//! describe: who is it?

use broker_core::refusal::Failure;

use crate::call::Guest;
use crate::contract::Description;
use crate::frame::{Frame, Verb};

impl Guest {
    pub async fn describe(&self) -> Result<Description, Failure> {
        let call = self.begin(self.shared.limits.call_ms_max).await?;
        call.within(Verb::Describe, async {
            let mut instance = call.enter(Frame::about_no_key(Verb::Describe)).await?;
            let answer = instance.exports.keybroker_backend_keys().call_describe(&mut instance.store).await;
            instance.settle(answer)
        })
        .await
    }
}
