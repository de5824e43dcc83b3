//! What the audit must say when the broker is back.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde_json::Value;

use super::ledger::Violation;
use crate::broker::Broker;

/// Every number stands once, every answer has its decision, and only what was not answered may lack its outcome; gives how
/// many intents do.
///
/// # Errors
/// It is not so.
pub fn check_audit(entries: &[Value], decided: &[(String, bool)]) -> Result<usize, Violation> {
    let (mut intended, mut decisions) = (HashSet::new(), HashMap::new());
    for (index, entry) in entries.iter().enumerate() {
        if entry["seq"] != index as u64 + 1 {
            return Err(format!("the audit's numbers have gaps or stand twice: {entry} is the {}th", index + 1));
        }
        let request = entry["request"].as_str().ok_or_else(|| format!("no request: {entry}"))?;
        let sound = match entry["phase"].as_str() {
            Some("intent") => intended.insert(request),
            Some("done") => decisions.insert(request, &entry["decision"]).is_none(),
            Some("outcome") => intended.contains(request) && decisions.insert(request, &entry["decision"]).is_none(),
            _ => false,
        };
        if !sound {
            return Err(format!("told twice, or an outcome without an intent before it: {entry}"));
        }
    }
    for (request, allowed) in decided {
        let word = if *allowed { "allowed" } else { "refused" };
        let found = decisions.get(request.as_str());
        if found.is_none_or(|decision| **decision != word) {
            return Err(format!("{request} was answered, allowed: {allowed}; the audit says {found:?}"));
        }
    }
    let ended = |request: &&str| decisions.get(request).is_some_and(|word| *word == "allowed" || *word == "refused");
    Ok(intended.iter().filter(|request| !ended(request)).count())
}

/// Every entry, also of segments that were compressed.
///
/// # Errors
/// `keybroker audit export` fails.
pub fn entries(broker: &Broker) -> Result<Vec<Value>, Violation> {
    let said = told(broker, &["audit", "export"], &[])?;
    said.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))).collect()
}

/// The log's files alone prove it, and bear out the checkpoints that were held elsewhere.
///
/// # Errors
/// `keybroker audit verify` says that it is bad.
pub fn verify(broker: &Broker, held: &[PathBuf]) -> Result<(), Violation> {
    let held: Vec<String> = held.iter().map(|path| path.display().to_string()).collect();
    let expect: Vec<&str> = held.iter().flat_map(|path| ["--expect", path]).collect();
    told(broker, &["audit", "verify"], &expect).map(drop)
}

fn told(broker: &Broker, command: &[&str], more: &[&str]) -> Result<String, Violation> {
    let folder = broker.home().join("audit").display().to_string();
    let done = broker.cli(&[command, &["--dir", &folder], more].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(format!("{command:?}: {}{}", text(&done.stdout), text(&done.stderr)))
    }
}
