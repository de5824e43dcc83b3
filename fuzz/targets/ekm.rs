//! Any HTTP request to the external-key proxy, by one who may do anything, is answered in its one form and never by a fault of
#![no_main]

use keybroker_fuzz::subject::ekm::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
