//! Any HTTP request to Key Vault's API, by one who may do anything, is answered in its one form and never by a fault of ours.
#![no_main]

use keybroker_fuzz::subject::keyvault::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
