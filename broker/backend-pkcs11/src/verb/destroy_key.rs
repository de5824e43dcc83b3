//! destroy-key: versions are gone for good, from every token.

use std::time::Duration;

use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;

use super::key_of;
use crate::backend::Pkcs11Backend;
use crate::material::name_of;
use crate::refuse::{fault, faulty, no_answer};
use crate::token::queue_until;
use crate::wire::{Reply, Request};

impl Pkcs11Backend {
    /// Destroys the versions on each token. To be asked again when it fails: what is gone already is no failure.
    ///
    /// # Errors
    /// `BackendUnavailable` while a token does not serve, for it may still hold them.
    pub(crate) async fn destroy_all(
        &self,
        permit: Permit<verb::PurgeKey>,
        versions: &[Candidate],
    ) -> Result<(), Failure> {
        let (vault, key) = key_of(permit.scope())?;
        let names = versions.iter().map(|gone| name_of(vault, key, gone)).collect::<Result<Vec<_>, _>>()?;
        let tokens = self.tokens.clone();
        let destroy = async move {
            let backend = &tokens.backend;
            let most = Duration::from_millis(tokens.limits.call_ms_max);
            for token in tokens.all.iter() {
                for key in &names {
                    let request = Request::Destroy { key: key.clone() };
                    let until = queue_until(&tokens.limits);
                    match tokens.call_on(token, &request, until, most).await {
                        Ok(Reply::Done) => {}
                        Ok(Reply::Failed { fault: what, cause }) => return Err(fault(backend, "", what, cause)),
                        Ok(_) => return Err(faulty(backend, "it answered something else than was asked")),
                        Err(end) => return Err(no_answer(backend, end)),
                    }
                }
            }
            Ok(())
        };
        // Runs to its end even if the caller goes away.
        tokio::spawn(destroy).await.map_err(|end| Failure::internal(format!("a call to the HSM ended: {end}")))?
    }
}
