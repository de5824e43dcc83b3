//! Any bytes as a message: read, written again, and answered on fakes.
#![no_main]

use keybroker_fuzz::Renewed;
use keybroker_fuzz::subject::kmip::Subject;
use libfuzzer_sys::fuzz_target;

static SUBJECT: Renewed<Subject> = Renewed::new(Subject::new);

fuzz_target!(|bytes: &[u8]| SUBJECT.with(|subject| subject.check(bytes)));
