//! The clock: what the broker remembers of it, and the operator's word that it is right.

use super::Broker;
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// The operator says that the clock, which had jumped, is right. Needs `vaultManage` on the broker; `accept` is called
    /// with the time (Unix seconds) once that is written down, and tells whether anything was suspended.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn accept_clock(&self, asker: &Asker, accept: impl FnOnce(i64) -> bool + Send) -> Result<bool, Refusal> {
        let mut deed = self.begin(asker, Operation::AcceptClock, Scope::Broker);
        deed.detail = Some(format!("the time is {} (Unix seconds)", deed.now_s));
        let result = match deed.permit::<verb::AcceptClock>() {
            Ok(permit) => {
                let _spent: Permit<verb::AcceptClock> = permit;
                self.intend(&mut deed).await.map(|()| accept(deed.now_s))
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// Keeps a few bytes of the broker's own under a name; nothing a request can reach.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn put_setting(&self, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        self.commit(vec![Change::PutSetting { name: name.to_owned(), value }]).await
    }
}
