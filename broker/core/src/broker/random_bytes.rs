//! rng: random bytes.

use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// Most bytes in one answer (Key Vault's limit).
pub const RANDOM_BYTES_MAX: usize = 128;

impl Broker {
    /// 1 to 128 random bytes.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `BadRequest`.
    pub async fn random_bytes(&self, asker: &Asker, vault: VaultName, count: usize) -> Result<Secret, Refusal> {
        let deed = self.begin(asker, Operation::RandomBytes, Scope::Vault(vault.clone()));
        let decide = || -> Result<Secret, Failure> {
            let _spent: Permit<verb::RandomBytes> = deed.permit()?;
            vault_of(deed.turn()?, &vault)?;
            if !(1..=RANDOM_BYTES_MAX).contains(&count) {
                return Err(Failure::bad_request(format!("count {count} must be 1 to {RANDOM_BYTES_MAX}")));
            }
            let mut bytes = vec![0; count];
            self.chance.fill(&mut bytes);
            Ok(Secret::new(bytes))
        };
        let result = decide();
        self.finish(deed, result).await
    }
}
