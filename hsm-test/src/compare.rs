//! Several modules beside each other: where they must agree, and what each does otherwise.

use std::fmt::Write as _;

use crate::report::{Answer, Report};

/// What two modules can both do and do differently: one of them is wrong.
#[must_use]
pub fn disagreements(reports: &[Report]) -> Vec<String> {
    let mut found = Vec::new();
    for report in reports {
        for row in report.rows.iter().filter(|row| row.answer.is_fault()) {
            let right = reports.iter().filter(|other| other.answer(&row.question) == Some(&Answer::Does));
            found.extend(right.map(|other| {
                format!("{}: {}: {} (which {} does)", report.title(), row.question, row.answer, other.title())
            }));
        }
    }
    found
}

/// Per module, what it got wrong, what it refuses though another module does it, and where two refuse by different codes.
/// The same reports give the same text; figures are left out.
#[must_use]
pub fn markdown(reports: &[Report]) -> String {
    let mut text = String::from(
        "# Quirks\n\nWhat PKCS#11 modules do otherwise than the standard or than each other, as `keybroker hsm-test` \
         found it.\n`./dev hsm-matrix` asks them all again and fails when this file is no longer what they do.\n",
    );
    for report in reports {
        // A string takes every write.
        let _ = writeln!(text, "\n## {}\n", report.title());
        let lines: Vec<String> = report.rows.iter().filter_map(|row| line(reports, report, &row.question)).collect();
        if lines.is_empty() {
            text.push_str("Nothing.\n");
            continue;
        }
        text.push_str("| question | answer | others |\n|---|---|---|\n");
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The row of a question that this module answers otherwise than it should, or than another one.
fn line(reports: &[Report], report: &Report, question: &str) -> Option<String> {
    let answer = report.answer(question)?;
    let others: Vec<String> = reports
        .iter()
        .filter(|other| !std::ptr::eq(*other, report))
        .filter_map(|other| other.answer(question))
        .filter(|other| *other != answer)
        .map(ToString::to_string)
        .collect();
    let told = match answer {
        Answer::Crashes { .. } | Answer::Hangs { .. } | Answer::Wrong { .. } => true,
        Answer::NotAsked { .. } | Answer::Refuses { .. } => !others.is_empty(),
        Answer::Does => false,
    };
    told.then(|| format!("| {question} | {answer} | {} |", others.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, Row};

    fn report(model: &str, answers: &[(&str, Answer)]) -> Report {
        let row = |(question, answer): &(&str, Answer)| Row {
            question: (*question).into(),
            answer: answer.clone(),
            detail: None,
        };
        let facts = Facts { model: model.into(), ..Facts::default() };
        Report { module: String::new(), facts, rows: answers.iter().map(row).collect() }
    }

    #[test]
    fn only_a_fault_where_another_module_is_right_is_a_disagreement() {
        let refuses = Answer::Refuses { code: "C_Sign MechanismInvalid".into() };
        let one = report("one", &[("a", Answer::Does), ("b", Answer::wrong("x")), ("c", refuses.clone())]);
        let two = report("two", &[("a", Answer::Does), ("b", Answer::Does), ("c", Answer::Does)]);
        let three = report("three", &[("a", Answer::wrong("y")), ("b", refuses.clone()), ("c", refuses)]);
        assert!(disagreements(&[two.clone(), two.clone()]).is_empty());
        let found = disagreements(&[one.clone(), two.clone()]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(": one, ") && found[0].contains(": b: WRONG: x"), "{found:?}");
        assert_eq!(disagreements(&[one.clone(), two, three.clone()]).len(), 3);
        assert!(disagreements(std::slice::from_ref(&one)).is_empty(), "nobody says what is right");
        let text = markdown(&[one, three]);
        assert!(text.contains("| b | WRONG: x | refuses: C_Sign MechanismInvalid |"), "{text}");
        assert!(!text.contains("| c |"), "both refuse it alike: {text}");
    }
}
