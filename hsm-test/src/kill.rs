//! What a token is like after its process was killed (SIGKILL) in the middle of something. Always on copies.

use std::time::{Duration, Instant};

use crate::ask::{AskError, Asker, End, Heard};
use crate::child::Said;
use crate::order::Task;
use crate::report::Answer;
use crate::token::FreshToken;

/// A question's name, and how the parent asks it: the answer and its figures.
type KillQuestion = (&'static str, fn(&Asker, &FreshToken) -> Result<(Answer, Option<String>), AskError>);

pub const QUESTIONS: &[KillQuestion] = &[
    ("the token survives a kill in the middle of making a key pair", in_generate),
    ("the token survives a kill at a write within C_Login", in_login),
];

const KILLS: u32 = 12;
/// Between one kill's moment and the next one's, counted from the beginning of C_GenerateKeyPair.
const STEP: Duration = Duration::from_millis(50);
/// The process is killed at its first write beyond so many bytes of a file: a file is cut off there, or left empty.
const CUTS: [u64; 9] = [0, 8, 64, 256, 512, 1_024, 4_096, 16_384, 65_536];
const BEGIN_MAX: Duration = Duration::from_secs(30);

/// Kills a child so long after it said that it begins.
fn killed(asker: &Asker, on: &FreshToken, after: Duration) -> Result<(), AskError> {
    let mut child = asker.start(Some(on), Task::KeepGenerating { file_bytes_max: None })?;
    let Heard::Line(Said::Beginning) = child.hear(Instant::now() + BEGIN_MAX) else {
        child.kill()?;
        return Err(AskError::Module("a child did not begin".into()));
    };
    // It says no more until it is done, which is never.
    let _ended = child.hear(Instant::now() + after);
    child.kill()?;
    Ok(())
}

/// Objects and broken ones among them; or what was lost.
fn inspected(asker: &Asker, on: &FreshToken) -> Result<Result<(usize, usize), String>, AskError> {
    Ok(match asker.run(Some(on), Task::Inspect)? {
        End::Said(Said::Inspected { objects, broken }) => Ok((objects, broken)),
        End::Said(Said::Trouble(cause)) => Err(cause),
        end => Err(end.answer().to_string()),
    })
}

fn in_generate(asker: &Asker, fresh: &FreshToken) -> Result<(Answer, Option<String>), AskError> {
    let (mut made, mut left) = (0, 0);
    let moments = (0..KILLS).map(|number| (format!("{:?} after its beginning", STEP * number), None, STEP * number));
    let cuts = CUTS.map(|bytes| (format!("at a write beyond {bytes} bytes"), Some(bytes), Duration::ZERO));
    for (when, cut, after) in moments.chain(cuts) {
        let copy = fresh.copied()?;
        match cut {
            None => killed(asker, &copy, after)?,
            Some(_) => drop(asker.run(Some(&copy), Task::KeepGenerating { file_bytes_max: cut })?),
        }
        match inspected(asker, &copy)? {
            Ok((objects, broken)) => (made, left) = (made + objects, left + broken),
            Err(cause) => {
                return Ok((
                    Answer::wrong("the token or a key in it is lost"),
                    Some(format!("killed {when}: {cause}")),
                ));
            }
        }
    }
    let kills = KILLS as usize + CUTS.len();
    Ok((Answer::Does, Some(format!("{kills} kills: {left} of {made} objects were left half-made or unreadable"))))
}

fn in_login(asker: &Asker, fresh: &FreshToken) -> Result<(Answer, Option<String>), AskError> {
    let mut kills = 0;
    for bytes in CUTS {
        let copy = fresh.copied()?;
        let end = asker.run(Some(&copy), Task::LogIn { file_bytes_max: bytes })?;
        // It said that it begins, and then nothing: it was killed. A login that writes nothing ends well.
        kills += usize::from(matches!(end, End::Said(Said::Beginning)));
        if let Err(cause) = inspected(asker, &copy)? {
            return Ok((
                Answer::wrong("the token is lost"),
                Some(format!("killed at a write beyond {bytes} bytes of a file: {cause}")),
            ));
        }
    }
    let detail = if kills == 0 { "C_Login writes no file".to_owned() } else { format!("{kills} kills") };
    Ok((Answer::Does, Some(detail)))
}
