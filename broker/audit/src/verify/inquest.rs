//! A line is not where the chain wants it: what was done?

use std::io;

use broker_crypto::digest::sha256;

use super::{Kind, Problem, Walk};
use crate::chain::{Digest, Header, Link, hex};
use crate::folder::Line;

impl Walk {
    /// The first line of a segment is no header.
    pub(super) fn no_header(&mut self, line: &[u8]) -> io::Result<Problem> {
        if Link::of(line).is_none() {
            return Ok(self.bad_header(Kind::Altered, "its first line is no header"));
        }
        while let Some(line) = self.following()? {
            if Header::parse(&line).is_some_and(|header| header.segment == self.segment + 1) {
                return Ok(self.bad_header(Kind::Swapped, "its header is further down"));
            }
        }
        Ok(self.bad_header(Kind::Dropped, "its header is not there"))
    }

    /// A header that does not follow from the segment before.
    pub(super) fn misplaced_header(&mut self, header: &Header, line: &[u8]) -> io::Result<Problem> {
        let digest = sha256(line);
        let follower = self.following()?.and_then(|line| Link::of(&line));
        if follower.is_none_or(|link| link.previous != digest) {
            return Ok(self.bad_header(Kind::Altered, "its header was changed"));
        }
        let expected = self.segment + 1;
        if self.log.is_some() && header.log() != self.log {
            return Ok(self.bad_header(Kind::OfAnotherLog, "it is of another log"));
        }
        if header.segment != expected && self.head.is_some() {
            let kind = if header.segment < expected { Kind::Duplicated } else { Kind::Swapped };
            return Ok(self.bad_header(kind, &format!("what is in its place is segment {}", header.segment)));
        }
        let Some(head) = self.head else {
            let detail =
                format!("it says that it is segment {} and begins with entry {}", header.segment, header.first);
            return Ok(self.bad_header(Kind::Altered, &detail));
        };
        let (last, segment) = (head.sequence, Some(self.segment));
        if header.first > last + 1 {
            let detail = format!("it ends at entry {last}, but the next segment begins with entry {}", header.first);
            return Ok(Problem { kind: Kind::Truncated, segment, line: None, sequence: Some(last + 1), detail });
        }
        if header.first <= last {
            let detail = format!("it goes on to entry {last}, but the next segment begins with entry {}", header.first);
            return Ok(Problem { kind: Kind::Altered, segment, line: None, sequence: Some(header.first), detail });
        }
        let detail = "its last line was changed: the next segment names another digest".to_owned();
        Ok(Problem { kind: Kind::Altered, segment, line: None, sequence: Some(last), detail })
    }

    /// An entry that does not follow from the line before.
    pub(super) fn misplaced_entry(&mut self, line: &[u8], number: u64, expected: &Link) -> io::Result<Problem> {
        let next = expected.sequence;
        let Some(link) = Link::of(line) else {
            let (kind, detail) = if Header::parse(line).is_some() {
                (Kind::Duplicated, "a header stands in the middle of the segment")
            } else {
                (Kind::Altered, "the line is no entry")
            };
            return Ok(self.bad(kind, number, next, detail));
        };
        if link == *expected {
            return Ok(self.bad(Kind::Altered, number, next, "the line is no JSON"));
        }
        if link.previous == expected.previous {
            let detail = format!("the line says that it is entry {}", link.sequence);
            return Ok(self.bad(Kind::Altered, number, next, &detail));
        }
        if link.sequence < next {
            let detail = format!("entry {} stands there again", link.sequence);
            return Ok(self.bad(Kind::Duplicated, number, link.sequence, &detail));
        }
        if link.sequence == next {
            return self.one_of_two(line, number, expected);
        }
        let dropped = if link.sequence == next + 1 {
            format!("entry {next} is")
        } else {
            format!("entries {next} to {} are", link.sequence - 1)
        };
        while let Some(line) = self.following()? {
            if Link::of(&line).is_some_and(|link| link.sequence == next) {
                return Ok(self.bad(
                    Kind::Swapped,
                    number,
                    next,
                    &format!("entry {} stands in its place, and it further down", link.sequence),
                ));
            }
        }
        Ok(self.bad(Kind::Dropped, number, next, &format!("{dropped} not there")))
    }

    /// Two neighbours do not fit together: what follows, or a checkpoint, tells which of them is not what it was.
    fn one_of_two(&mut self, line: &[u8], number: u64, expected: &Link) -> io::Result<Problem> {
        let next = expected.sequence;
        let wanted = match self.following()? {
            Some(follower) => previous_of(&follower),
            None => self.vouchers.digest(next),
        };
        // With the right link in it, is it what it was? Then nothing else of the two was touched.
        let mended = with_previous(line, &expected.previous);
        if wanted.is_some_and(|wanted| wanted != sha256(line) && mended.is_some_and(|mended| sha256(&mended) == wanted))
        {
            return Ok(self.bad(Kind::Altered, number, next, "the line's link is not what it was"));
        }
        if number == 2 {
            return Ok(self.bad(Kind::Altered, 1, next, "the segment's header is not what it was"));
        }
        Ok(self.bad(Kind::Altered, number - 1, next - 1, "the line is not what it was"))
    }

    /// The next line of all, whatever it is; nothing of it is checked any more.
    fn following(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.stream.begins()?.is_none() {
                return Ok(None);
            }
            let Some(lines) = &mut self.stream.lines else { return Ok(None) };
            match lines.next() {
                Ok(Some(Line::Whole(line))) => return Ok(Some(line.to_vec())),
                Ok(Some(Line::Torn(_)) | None) | Err(_) => self.stream.lines = None,
            }
        }
    }
}

fn previous_of(line: &[u8]) -> Option<Digest> {
    Link::of(line).map(|link| link.previous).or_else(|| Header::parse(line)?.previous())
}

/// An entry's line with another link in it.
fn with_previous(line: &[u8], previous: &Digest) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = b",\"prev\":\"";
    let at = line.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let mut mended = line.to_vec();
    mended.get_mut(at..at + 64)?.copy_from_slice(hex(previous).as_bytes());
    Some(mended)
}
