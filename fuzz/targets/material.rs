//! Keys as strangers bring them: what is taken as a key is one, in one form, and the same one afterwards.
#![no_main]

use keybroker_fuzz::subject::material::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
