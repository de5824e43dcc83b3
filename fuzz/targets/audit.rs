//! Audit files as someone may have left them: what was changed is noticed, and whatever stands there is read in peace.
#![no_main]

use keybroker_fuzz::subject::audit::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
