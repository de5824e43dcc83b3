//! audit: verifies, shows and exports the log from its files, with the public key alone. Asks no broker and opens no store.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use broker_audit::{Entries, Line, Source};
use clap::{Args, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::say;

mod tail;
mod verify;

#[derive(Args)]
pub struct AuditCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check every link of the chain and every checkpoint; exit 1 names the first bad entry
    Verify(verify::Verify),
    /// Print entries for people
    Show(Show),
    /// Print the last entries
    Tail(tail::Tail),
    /// Print entries as JSON lines, across segments
    Export(Export),
}

impl AuditCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            Action::Verify(verify) => verify.run(),
            Action::Show(show) => show.run(),
            Action::Tail(tail) => tail.run(),
            Action::Export(export) => export.run(),
        }
    }
}

/// Where the log lies.
#[derive(Args)]
pub struct Place {
    /// The audit folder
    #[arg(long, env = "KEYBROKER_AUDIT_DIR", default_value = "/var/lib/keybroker/audit", value_name = "DIR")]
    dir: PathBuf,
}

/// Where the log lies: a folder, or single files of it.
#[derive(Args)]
struct Files {
    #[command(flatten)]
    place: Place,
    /// Segments in their order instead of all of the folder's
    files: Vec<PathBuf>,
}

impl Files {
    fn source(&self) -> Source {
        if self.files.is_empty() { Source::Folder(self.place.dir.clone()) } else { Source::Files(self.files.clone()) }
    }
}

#[derive(Args)]
struct Show {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    filter: Filter,
    /// Print the entries' own lines
    #[arg(long)]
    json: bool,
}

impl Show {
    fn run(self) -> Result<()> {
        let source = self.files.source();
        let filter = self.filter.parsed()?;
        let print = |sequence: u64, text: &[u8], line: &Line<'_>| {
            if self.json { raw(text) } else { say::line(shown(sequence, line)) }
        };
        each(&source, |sequence, text| match Line::parse(text) {
            Some(line) if filter.takes(&line) => print(sequence, text, &line),
            Some(_) => Ok(()),
            None => Err(anyhow!("entry {sequence} makes no sense; see keybroker audit verify")),
        })
    }
}

#[derive(Args)]
struct Export {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    filter: Filter,
}

impl Export {
    fn run(self) -> Result<()> {
        let filter = self.filter.parsed()?;
        each(&self.files.source(), |_, text| {
            let takes = filter.is_empty() || Line::parse(text).is_some_and(|line| filter.takes(&line));
            if takes { raw(text) } else { Ok(()) }
        })
    }
}

/// Which entries; all that are given must hold.
#[derive(Args)]
struct Filter {
    /// Only of this principal
    #[arg(long)]
    principal: Option<String>,
    /// Only at this scope or below it, such as /vault1 or /vault1/key1
    #[arg(long)]
    scope: Option<String>,
    /// Only of this operation, such as unwrap-key
    #[arg(long)]
    operation: Option<String>,
    /// Only with this decision: allowed, refused or unknown
    #[arg(long)]
    decision: Option<String>,
    /// Not before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

struct Parsed {
    words: Filter,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
}

impl Filter {
    fn parsed(self) -> Result<Parsed> {
        let moment = |option: &str, text: &Option<String>| {
            let parse = |text: &String| OffsetDateTime::parse(text, &Rfc3339);
            text.as_ref()
                .map(parse)
                .transpose()
                .with_context(|| Misused(format!("{option} is not RFC 3339, such as 2026-01-31T12:00:00Z")))
        };
        let (since, until) = (moment("--since", &self.since)?, moment("--until", &self.until)?);
        if let Some(decision) = &self.decision
            && !["allowed", "refused", "unknown"].contains(&decision.as_str())
        {
            bail!(Misused(format!("--decision {decision:?} is not allowed, refused or unknown")));
        }
        Ok(Parsed { words: self, since, until })
    }
}

impl Parsed {
    fn is_empty(&self) -> bool {
        let Filter { principal, scope, operation, decision, since, until } = &self.words;
        [principal, scope, operation, decision, since, until].into_iter().all(Option::is_none)
    }

    fn takes(&self, line: &Line<'_>) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let in_scope = self.words.scope.as_ref().is_none_or(|scope| {
            let rest = line.scope.strip_prefix(scope.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let timely = (self.since.is_none() && self.until.is_none())
            || OffsetDateTime::parse(&line.time, &Rfc3339).is_ok_and(|time| {
                self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
            });
        is(&self.words.principal, &line.principal)
            && is(&self.words.operation, &line.operation)
            && is(&self.words.decision, line.decision.as_deref().unwrap_or_default())
            && in_scope
            && timely
    }
}

/// Hands over every entry of a source, until the act fails.
fn each(source: &Source, act: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    each_of(Entries::of(source).with_context(reading)?, act)
}

fn reading() -> Misused {
    Misused("the audit log cannot be read".to_owned())
}

fn each_of(mut entries: Entries, mut act: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    while let Some((sequence, text)) = entries.next_entry().with_context(reading)? {
        match act(sequence, text) {
            Err(error) if is_closed_pipe(&error) => return Ok(()),
            done => done?,
        }
    }
    Ok(())
}

/// Whether whoever read our output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The line as it stands in the log.
fn raw(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)?;
    Ok(out.write_all(b"\n")?)
}

/// An entry on one line. What could move a terminal's cursor, or turn its text around, is escaped.
fn shown(sequence: u64, line: &Line<'_>) -> String {
    let decision = match (line.decision.as_deref(), line.reason.as_deref()) {
        (None, _) => line.phase.to_string(),
        (Some(decision), None) => decision.to_owned(),
        (Some(decision), Some(reason)) => format!("{decision} ({reason})"),
    };
    let mut text =
        format!("{} {sequence:>8} {} {} {} {decision}", line.time, line.principal, line.operation, line.scope);
    let rest =
        [("missing", &line.missing), ("version", &line.version), ("backend", &line.backend), ("detail", &line.detail)];
    for (name, value) in rest {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={value}"));
        }
    }
    text.push_str(&format!(" peer={} request={}", line.peer, line.request));
    plain(&text)
}

/// Text in which nothing but spaces stands between printable letters.
fn plain(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if hidden(letter) { plain.extend(letter.escape_unicode()) } else { plain.push(letter) }
    }
    plain
}

/// The command cannot be carried out as it was given: exit code 2, not a verdict on the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misused(String);

impl Misused {
    fn reading(dir: &Path) -> Self {
        Self(format!("audit folder {}", dir.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"seq":3,"prev":"","time":"2026-01-31T12:00:00.000Z","phase":"done","request":"r","principal":"dev/uri:x","peer":"p","front":"keyvault","operation":"get-key","scope":"/vault1/k","decision":"allowed","duration_us":1}"#;

    fn takes(change: impl FnOnce(&mut Filter)) -> bool {
        let mut filter =
            Filter { principal: None, scope: None, operation: None, decision: None, since: None, until: None };
        change(&mut filter);
        filter.parsed().unwrap().takes(&Line::parse(LINE.as_bytes()).unwrap())
    }

    #[test]
    fn each_filter_takes_and_refuses() {
        type Change = fn(&mut Filter, &str);
        let rows: [(Change, &[&str], &[&str]); 6] = [
            (|filter, text| filter.principal = Some(text.to_owned()), &["dev/uri:x"], &["dev/uri:"]),
            (
                |filter, text| filter.scope = Some(text.to_owned()),
                &["/", "/vault1", "/vault1/k"],
                &["/vault", "/vault1/k/x", "/vault2"],
            ),
            (|filter, text| filter.operation = Some(text.to_owned()), &["get-key"], &["get"]),
            (|filter, text| filter.decision = Some(text.to_owned()), &["allowed"], &["refused", "unknown"]),
            (
                |filter, text| filter.since = Some(text.to_owned()),
                &["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+02:00"],
                &["2026-01-31T12:00:00.001Z"],
            ),
            (
                |filter, text| filter.until = Some(text.to_owned()),
                &["2026-01-31T12:00:00.001Z"],
                &["2026-01-31T12:00:00Z"],
            ),
        ];
        for (change, good, bad) in rows {
            for text in good {
                assert!(takes(|filter| change(filter, text)), "{text}");
            }
            for text in bad {
                assert!(!takes(|filter| change(filter, text)), "{text}");
            }
        }
    }

    #[test]
    fn what_moves_a_terminal_is_escaped() {
        assert_eq!(plain("a\u{1b}[2K\n\u{202e}b\u{85} ä"), r"a\u{1b}[2K\u{a}\u{202e}b\u{85} ä");
    }
}
