//! Certificates to principals: a name that comes out was in the certificate, a changed chain is no one, and whatever an operator
#![no_main]

use keybroker_fuzz::subject::certificate::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
