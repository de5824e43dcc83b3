//! Secrets in the clear, for plugins that were granted it by name; linked for no other.

use broker_core::secret::Secret;
use wasmtime::component::Resource;

use super::Room;
use crate::contract::{reveal, types};

/// Largest secret (what a wrap takes at most).
const SECRET_BYTES_MAX: usize = 65_536;

impl reveal::Host for Room {
    fn expose(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<u8>> {
        self.count_call()?;
        self.exposed = true;
        // A copy that nobody wipes: from here on the secret is in the guest's memory anyway.
        Ok(self.secret(&secret)?.expose().to_vec())
    }

    fn conceal(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Result<Resource<Secret>, types::Error>> {
        self.count_call()?;
        let secret = Secret::new(bytes);
        if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
            return Ok(Err(types::Error::BadRequest));
        }
        Ok(Ok(self.put(secret)?))
    }
}
