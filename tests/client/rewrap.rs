//! rewrap: moved, left alone, interrupted, taken up; no line is ever lost.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

use keybroker_tests::{Asks as _, WAIT_MAX, eventually, finished, unb64};
use serde_json::{Value, json};

use crate::desk::{Desk, check_says, text};

/// Wrapped values of `count` secrets, one a line, under the newest version; secret N is N, 16 bytes.
fn values(desk: &Desk, key: &str, count: u128) -> String {
    let connection = desk.broker.admin().connect().unwrap();
    let kid = |id: &Value| id.as_str().unwrap().to_owned();
    let line = |number: u128| {
        let shown = connection.wrap(&format!("/keys/{key}"), "A256KW", &number.to_be_bytes()).with_status(200).json();
        json!({ "row": number.to_string(), "kid": kid(&shown["kid"]), "alg": "A256KW", "value": shown["value"] })
            .to_string()
            + "\n"
    };
    (0..count).map(line).collect()
}

/// Every line of the file opens under this version and holds its number.
#[track_caller]
fn check_values(desk: &Desk, file: &Path, version: &str, count: u128) {
    let connection = desk.broker.admin().connect().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count() as u128, count);
    for (number, line) in (0..).zip(text.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["row"], number.to_string(), "the order is kept");
        let kid = line["kid"].as_str().unwrap();
        assert!(kid.ends_with(version), "line {number}: {kid}");
        let opened = connection.unwrap(version, "A256KW", &unb64(&line["value"])).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), u128::to_be_bytes(number), "line {number}");
    }
}

#[test]
fn rewrap_moves_what_it_can_and_says_what_it_left_alone_and_why() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", 3);
    let newest = desk.broker.admin().rotate("k");
    let odd = [
        values(&desk, "k", 1),                                                   // newest already
        old.replace("vault1.", "vault9."),                                       // three of another vault
        "\n".to_owned(),                                                         // blank
        "{\"note\":\"not a value\"}\n".to_owned(),                               // fails
        old.replace("/keys/k/", "/keys/gone/"),                                  // three that fail
        old.lines().next().unwrap().replace("\"value\":\"", "\"value\":\"AAAA"), // fails; no end of line
    ]
    .concat();
    let input = desk.written("in", (old + &odd).as_bytes());
    let out = desk.path("out");
    let done = desk.try_do(&["rewrap", "--in", &input, "--out", &out, "--json"]);
    assert_eq!(done.status.code(), Some(1), "five lines failed");
    check_says(&text(&done.stderr), &["5 of 13 lines could not be moved", &out]);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&told["lines"], &told["moved"]), (&json!(13), &json!(3)));
    assert_eq!(told["left"], json!({ "blank": 1, "failed": 5, "newest": 1, "other-vault": 3 }));
    let failed: Vec<_> = told["failed"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(failed, [9, 10, 11, 12, 13]);
    check_says(told["failed"][1]["why"].as_str().unwrap(), &["404 KeyNotFound", "gone"]);
    // What was left alone stands there to the byte.
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(written.lines().skip(3).collect::<Vec<_>>(), odd.lines().collect::<Vec<_>>());
    let first: String = written.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(desk.file("moved"), first).unwrap();
    check_values(&desk, &desk.file("moved"), &newest, 3);
    assert!(!desk.file("out.rewrap").exists());
    // Nothing is ever written over.
    check_says(&desk.refused(&["rewrap", "--in", &input, "--out", &out]), &["is there already"]);
    check_says(&desk.refused(&["rewrap", "--in", &input, "--out", &input]), &["is there already"]);
}

fn lines_in(file: &Path) -> usize {
    std::fs::read(file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

fn start(desk: &Desk, words: &[&str]) -> Child {
    desk.command(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_rewrap_that_is_killed_is_taken_up_where_it_was_and_loses_no_line() {
    const COUNT: u128 = 600;
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", COUNT);
    let newest = desk.broker.admin().rotate("k");
    // The first line fails in the first life and is told in the last.
    let input = desk.written("in", ["not a value\n", &old, "nor this\n"].concat().as_bytes());
    let (out, words) =
        (desk.file("out"), ["rewrap", "--in", &input, "--out", &desk.path("out"), "--jobs", "4", "--json"]);
    let mut reached = 0;
    for life in 0..4 {
        let mut child = start(&desk, &words);
        let further = reached + 40;
        eventually("progress", || (lines_in(&out) >= further || child.try_wait().unwrap().is_some()).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        reached = lines_in(&out);
        assert!(reached < COUNT as usize, "it was done before it was killed in life {life}: the test shows nothing");
        assert!(desk.file("out.rewrap").exists());
        if life == 1 {
            // As a power cut may leave it: half a line at the end of both.
            let append = |name: &str| std::fs::OpenOptions::new().append(true).open(desk.file(name)).unwrap();
            append("out").write_all(b"{\"kid\":\"htt").unwrap();
            append("out.rewrap").write_all(b"{\"line\":").unwrap();
        }
    }
    let before = std::fs::read(&out).unwrap();
    let done = desk.try_do(&words);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
    assert_eq!(told["moved"], json!(COUNT as u64), "{told}");
    assert_eq!(told["left"], json!({ "failed": 2 }), "both are told, though the first failed in another life");
    assert_eq!(told["failed"][0]["line"], 1);
    let after = std::fs::read(&out).unwrap();
    let whole = before.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert!(after.starts_with(&before[..whole]), "what was done is not done again");
    let moved: String =
        text(&after).lines().skip(1).take(COUNT as usize).flat_map(|line| [line, "\n"]).map(str::to_owned).collect();
    std::fs::write(desk.file("moved"), moved).unwrap();
    check_values(&desk, &desk.file("moved"), &newest, COUNT);
}

#[test]
fn a_rewrap_stops_when_the_broker_is_away_and_goes_on_when_it_is_back() {
    const COUNT: u128 = 400;
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", COUNT);
    let newest = desk.broker.admin().rotate("k");
    let input = desk.written("in", old.as_bytes());
    let (out, path) = (desk.file("out"), desk.path("out"));
    let words = ["rewrap", "--in", &input, "--out", &path, "--jobs", "3", "--json"];
    let mut child = start(&desk, &words);
    eventually("progress", || (lines_in(&out) >= 20).then_some(()));
    desk.broker.kill9();
    let status = finished(&mut child, WAIT_MAX).expect("it gives up");
    let said = text(&child.wait_with_output().unwrap().stderr);
    assert_eq!(status.code(), Some(1));
    check_says(&said, &["stopped after", "of 400 lines", "takes it up", "cannot connect"]);
    desk.broker.serve();
    // Another input is not mistaken for the interrupted one, nor another order.
    let other = desk.written("other", b"{}\n");
    let with_other = desk.refused(&["rewrap", "--in", &other, "--out", &path]);
    assert!(
        with_other.contains("no line holds a wrapped value") || with_other.contains("another input"),
        "{with_other}"
    );
    let longer = desk.written("longer", (old.clone() + &old).as_bytes());
    check_says(&desk.refused(&["rewrap", "--in", &longer, "--out", &path]), &["out.rewrap", "another input"]);
    check_says(
        &desk.refused(&[&words[..], &["--algorithm", "A256KWP"]].concat()),
        &["out.rewrap", "another input or algorithm"],
    );
    let told = desk.json(&words);
    assert_eq!((&told["moved"], &told["left"]), (&json!(COUNT as u64), &json!({})));
    check_values(&desk, &out, &newest, COUNT);
}
