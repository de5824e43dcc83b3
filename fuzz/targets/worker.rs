//! What the broker and an HSM's worker say to each other: a frame that is taken is the one way to say what it says.
#![no_main]

use keybroker_fuzz::subject::worker::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
