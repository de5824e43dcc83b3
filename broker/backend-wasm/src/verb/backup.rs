//! back-up and restore: the root of a backend's keys leaves this broker under a password, and comes back on another.

use broker_core::refusal::Failure;
use broker_core::secret::Secret;

use crate::backend::WasmBackend;
use crate::frame::{Frame, Verb};

impl WasmBackend {
    /// The backend's backup, at most 65 KiB, under a password of 8 to 1024 bytes.
    ///
    /// # Errors
    /// `NotFound` where the plugin has none to give, `BadRequest` for a password of another length, and what a guest's end
    /// brings.
    pub async fn back_up(&self, password: Secret) -> Result<Vec<u8>, Failure> {
        let call = self.guest.begin(self.guest.shared.limits.generate_ms_max).await?;
        call.within(Verb::BackUp, async {
            let mut instance = call.enter_backup(Frame::about_no_key(Verb::BackUp)).await?;
            let password = instance.lend(password)?;
            let exported = instance.exports.keybroker_backend_backup();
            let answer = exported.call_back_up(&mut instance.store, password).await;
            let backup = instance.settle_result("", answer)?;
            instance.check_output(&[&backup])?;
            Ok(backup)
        })
        .await
    }

    /// Brings a backup back.
    ///
    /// # Errors
    /// As above; `Unwrappable` for another password or another thing than a backup, `BadRequest` where the backend has keys
    /// under another root.
    pub async fn restore(&self, backup: &[u8], password: Secret) -> Result<(), Failure> {
        let call = self.guest.begin(self.guest.shared.limits.generate_ms_max).await?;
        call.within(Verb::Restore, async {
            let mut instance = call.enter_backup(Frame::about_no_key(Verb::Restore)).await?;
            let password = instance.lend(password)?;
            let exported = instance.exports.keybroker_backend_backup();
            let answer = exported.call_restore(&mut instance.store, backup, password).await;
            instance.settle_result("", answer)
        })
        .await
    }
}
