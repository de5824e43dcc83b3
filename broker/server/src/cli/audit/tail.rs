//! tail: the last entries, and with -f the ones that come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use broker_audit::{Entries, Line, Source};
use clap::Args;

use super::{Filter, Misused, Parsed, Place, each_of, raw, reading, shown};
use crate::cli::say;

/// How often the log is looked at for more.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Args)]
pub struct Tail {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filter: Filter,
    /// How many entries to begin with
    #[arg(short = 'n', long, default_value_t = 10, value_name = "COUNT")]
    lines: usize,
    /// Go on with what comes, across segments, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Print the entries' own lines
    #[arg(long)]
    json: bool,
}

impl Tail {
    pub fn run(self) -> Result<()> {
        let filter = self.filter.parsed()?;
        let (newest, _) = newest(&self.place.dir)?;
        // The last two segments are enough most often; if not, all are read.
        let recent = newest.saturating_sub(1).max(1);
        let (mut found, mut seen) = last(&self.place.dir, recent, &filter, self.lines)?;
        if found.len() < self.lines && recent > 1 {
            (found, seen) = last(&self.place.dir, 1, &filter, self.lines)?;
        }
        for text in &found {
            print(text, &filter, self.json)?;
        }
        if !self.follow {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        match runtime.block_on(follow(&self.place.dir, seen, &filter, self.json)) {
            Err(error) if super::is_closed_pipe(&error) => Ok(()),
            ended => ended,
        }
    }
}

/// The last `most` entries that the filter takes, from this segment on, and the number of the last of all.
fn last(dir: &Path, first: u32, filter: &Parsed, most: usize) -> Result<(VecDeque<Vec<u8>>, u64)> {
    let (mut last, mut seen) = (VecDeque::new(), 0);
    each_of(Entries::since(dir, first).with_context(reading)?, |sequence, text| {
        seen = sequence;
        if Line::parse(text).is_some_and(|line| filter.takes(&line)) {
            last.push_back(text.to_vec());
            if last.len() > most {
                last.pop_front();
            }
        }
        Ok(())
    })?;
    Ok((last, seen))
}

fn print(text: &[u8], filter: &Parsed, json: bool) -> Result<()> {
    let Some(line) = Line::parse(text).filter(|line| filter.takes(line)) else { return Ok(()) };
    if json { raw(text) } else { say::line(shown(number(text).unwrap_or_default(), &line)) }
}

fn number(text: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(text).ok()?.get("seq")?.as_u64()
}

/// Reads on in the newest segment, and in those after it.
async fn follow(dir: &Path, mut seen: u64, filter: &Parsed, json: bool) -> Result<()> {
    let (mut segment, mut open) = newest(dir)?;
    let mut rest = Vec::new();
    loop {
        let (last, next) = newest(dir)?;
        if last > segment {
            // Nothing comes into the old one any more; those in between may be compressed already.
            each_of(Entries::since(dir, segment).with_context(reading)?, |sequence, text| {
                if sequence > seen {
                    print(text, filter, json)?;
                    seen = sequence;
                }
                Ok(())
            })?;
            (segment, open) = (last, next);
            rest.clear();
        }
        // A write that failed is taken back: what was read of it never was.
        if open.stream_position()? > open.metadata()?.len() {
            open.seek(SeekFrom::Start(0))?;
            rest.clear();
        }
        open.read_to_end(&mut rest)?;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let text = &line[..end];
            if let Some(sequence) = number(text).filter(|sequence| *sequence > seen) {
                print(text, filter, json)?;
                seen = sequence;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("segment-{segment:08}.jsonl"))
}

fn newest(dir: &Path) -> Result<(u32, File)> {
    let parts = Source::Folder(dir.to_owned()).parts().with_context(reading)?;
    let segment = parts.iter().filter_map(|part| part.segment).max();
    let segment = segment.with_context(|| Misused(format!("there is no audit log in {}", dir.display())))?;
    Ok((segment, File::open(path(dir, segment))?))
}
