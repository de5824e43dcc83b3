//! upkeep: what is done to the broker itself, written down like any change: backends loaded, backed up and restored,
//! certificates read again, the store copied, put back, sealed under another root key.

use super::Broker;
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Verb};

impl Broker {
    /// Takes a backend's root out of the broker, under a password: `act` is carried out between its intent and its outcome.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn back_up_backend<T: Send>(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, Refusal> {
        self.upkeep::<verb::BackUpBackend, T>(asker, detail, act).await
    }

    /// Brings a backend's root back.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn restore_backend<T: Send>(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, Refusal> {
        self.upkeep::<verb::RestoreBackend, T>(asker, detail, act).await
    }

    /// Loads a backend: `act` is carried out between its intent and its outcome.
    ///
    /// # Errors
    /// `Forbidden`, `AuditUnavailable` (then nothing was done), or `Conflict` with what `act` said.
    pub async fn load_backend<T: Send>(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, Refusal> {
        self.upkeep::<verb::LoadBackend, T>(asker, detail, act).await
    }

    /// Reads certificates, CAs and CRLs again.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn reload_trust<T: Send>(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, Refusal> {
        self.upkeep::<verb::ReloadTrust, T>(asker, detail, act).await
    }

    /// Copies the whole store. `act` gives the copy, and what the audit is to say of it.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn backup_store<T: Send>(
        &self,
        asker: &Asker,
        act: impl Future<Output = Result<(T, String), String>> + Send,
    ) -> Result<T, Refusal> {
        let mut deed = self.begin(asker, verb::BackupStore::OPERATION, Scope::Broker);
        let result = match deed.permit::<verb::BackupStore>() {
            Ok(permit) => {
                let _spent: Permit<verb::BackupStore> = permit;
                match self.intend(&mut deed).await {
                    Ok(()) => act.await.map_err(|problem| Failure::from(Refusal::Conflict { problem })),
                    Err(failure) => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        };
        let result = result.map(|(copy, detail)| {
            deed.detail = Some(detail);
            copy
        });
        self.finish(deed, result).await
    }

    /// Writes down that the store was put back from a copy while no broker ran; `act` makes it known to be written.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn restore_store(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<(), String>> + Send,
    ) -> Result<(), Refusal> {
        self.upkeep::<verb::RestoreStore, ()>(asker, detail, act).await
    }

    /// Writes down that the store was sealed under another root key while no broker ran.
    ///
    /// # Errors
    /// As [`Broker::load_backend`].
    pub async fn rotate_root(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<(), String>> + Send,
    ) -> Result<(), Refusal> {
        self.upkeep::<verb::RotateRoot, ()>(asker, detail, act).await
    }

    async fn upkeep<V: Verb, T: Send>(
        &self,
        asker: &Asker,
        detail: String,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, Refusal> {
        let mut deed = self.begin(asker, V::OPERATION, Scope::Broker);
        deed.detail = Some(detail);
        let result = match deed.permit::<V>() {
            Ok(permit) => {
                let _spent: Permit<V> = permit;
                match self.intend(&mut deed).await {
                    Ok(()) => act.await.map_err(|problem| Failure::from(Refusal::Conflict { problem })),
                    Err(failure) => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }
}
