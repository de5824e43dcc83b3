//! self-test: does a token serve?

use broker_core::refusal::Failure;

use crate::backend::Pkcs11Backend;
use crate::wire::Request;

impl Pkcs11Backend {
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        self.tokens.call(Request::Ping, "").await.map(drop)
    }
}
