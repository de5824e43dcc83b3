//! Any bytes as a message: read, written again, and answered on fakes.
#![no_main]

#[path = "../check.rs"]
mod check;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static SUBJECT: LazyLock<check::Subject> = LazyLock::new(check::Subject::new);

fuzz_target!(|bytes: &[u8]| SUBJECT.check(bytes));
