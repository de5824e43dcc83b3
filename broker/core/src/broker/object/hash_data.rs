//! hash-data: a digest, without a key.

use super::super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::object::HashName;
use crate::object_crypto::DATA_BYTES_MAX;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// The hash of at most 1 MiB.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `AlgorithmUnsupported`, `BadRequest`.
    pub async fn hash_data(
        &self,
        asker: &Asker,
        vault: VaultName,
        hash: HashName,
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let mut deed = self.begin(asker, Operation::HashData, Scope::Vault(vault.clone()));
        deed.algorithm = Some(hash.word());
        let decide = || -> Result<Vec<u8>, Failure> {
            let _spent: Permit<verb::HashData> = deed.permit()?;
            vault_of(deed.turn()?, &vault)?;
            check_data(data)?;
            self.object_crypto.hash(hash, data)
        };
        let result = decide();
        self.finish(deed, result).await
    }
}

/// # Errors
/// `BadRequest` for more than one operation takes.
pub(super) fn check_data(data: &[u8]) -> Result<(), Failure> {
    if data.len() <= DATA_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::bad_request(format!("{} bytes of data, but at most {DATA_BYTES_MAX} are taken", data.len())))
}
