//! Campaigns against the real binary: its disk fails at the Nth call, and what it answered must stand all the same.

mod campaign;
mod check;
mod ledger;
mod snapshot;
mod stage;
mod work;

pub use campaign::{Campaign, Kind};
pub use check::check_audit;
pub use ledger::{Ask, Ledger, Life, Violation};
pub use stage::{Round, Stage, Struck};
pub use work::{ANSWER_MAX, Worker};

/// xorshift64*: the same numbers on every machine.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed })
    }

    /// The next number, below the limit.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % limit
    }
}
