//! How much memory an input may cost.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What an input may take of memory, all allocations added up, freed again or not: so much, and so much for each of its bytes.
#[derive(Clone, Copy)]
pub struct Allowance {
    pub bytes: usize,
    pub each: usize,
}

impl Allowance {
    /// Does it, and fails when it took more than an input of this length may.
    pub fn hold<T>(self, input_bytes: usize, act: impl FnOnce() -> T) -> T {
        let region = Region::new(ALLOCATOR);
        let answer = act();
        let taken = region.change().bytes_allocated;
        let allowed = self.bytes + self.each * input_bytes;
        assert!(taken <= allowed, "{input_bytes} bytes of input took {taken} bytes of memory; {allowed} are allowed");
        answer
    }
}
