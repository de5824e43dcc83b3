//! A configuration file: what is taken is within every limit that the file may set, and what is refused names the file.
#![no_main]

use keybroker_fuzz::subject::config::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
