//! Names and other short texts: what is taken is of one form, and comes back as it was.
#![no_main]

use keybroker_fuzz::subject::name::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
