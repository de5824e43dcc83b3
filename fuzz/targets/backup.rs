//! Backups of keys and of stores, and shares of a root key: what was changed is refused, what is taken is what was made.
#![no_main]

use keybroker_fuzz::subject::backup::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
