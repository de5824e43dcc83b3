//! What an author of plugins is given works as its README says: begun, built, tried, signed, loaded, called and loaded again,
//! and a file that someone touched is refused.
#![allow(clippy::unwrap_used)]

mod author;
mod conformance;
mod supply;

use std::path::Path;
use std::process::{Command, Output};

use std::time::Duration;

use keybroker_tests::{keybroker, run};

/// A conformance run makes keys of every kind, and compiles megabytes.
const COMMAND_MAX: Duration = Duration::from_secs(300);

/// A command of `keybroker` that needs no broker, in a folder.
fn plugin(folder: &Path, words: &[&str]) -> Output {
    run(Command::new(keybroker()).arg("plugin").args(words).current_dir(folder), COMMAND_MAX)
}

#[track_caller]
fn stdout(output: &Output) -> String {
    let told = || format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", told());
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}
