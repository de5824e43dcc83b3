//! Operations of the protocol that this broker does not carry out: refused by name, after the permission.

use super::Broker;
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::refusal::{Failure, Refusal};
use crate::verb::Verb;

impl Broker {
    /// Refuses a known operation: `Forbidden` first, then `NotImplemented` with its name.
    ///
    /// # Errors
    /// Always.
    pub async fn refuse_unimplemented<V: Verb>(&self, asker: &Asker, scope: Scope) -> Result<(), Refusal> {
        let deed = self.begin(asker, V::OPERATION, scope);
        let decide = || -> Result<(), Failure> {
            let _spent: Permit<V> = deed.permit()?;
            Err(Refusal::NotImplemented { operation: V::OPERATION.word().to_owned() }.into())
        };
        let result = decide();
        self.finish(deed, result).await
    }
}
