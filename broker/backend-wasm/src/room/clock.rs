//! What time it is, as finely as a plugin may know.

use crate::contract::clock;

use super::Room;

impl clock::Host for Room {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.count_call()?;
        Ok(self.shared.outside.clock.now_ms())
    }

    fn elapsed_ms(&mut self) -> wasmtime::Result<u64> {
        self.count_call()?;
        Ok(u64::try_from(self.times.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
