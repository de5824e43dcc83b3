//! The parent's side: a child for each question, with a deadline, and what its end means.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::child::Said;
use crate::kill;
use crate::order::{Order, Task};
use crate::question;
use crate::report::{Answer, Facts, Report, Row};
use crate::token::{FreshToken, Token};

/// How long a child may take: RSA-4096 pairs take a slow token a minute.
const CHILD_MAX: Duration = Duration::from_secs(120);

/// What costs a PIN's tries is only asked of a token that is thrown away.
const ONLY_FRESH: &[&str] = &["a wrong PIN is refused as such"];

/// The program that becomes a child (see [`crate::answer`]) and the words after it.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Why nothing could be asked.
#[derive(Debug)]
pub enum AskError {
    /// A child, a folder or a file of this machine.
    Io(std::io::Error),
    /// The module or the token.
    Module(String),
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Module(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for AskError {}

impl From<std::io::Error> for AskError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks one module.
pub struct Asker {
    module: PathBuf,
    token: Token,
    child: ChildCommand,
}

impl Asker {
    /// Takes a token, or makes one in the module's first empty slot.
    ///
    /// # Errors
    /// The module does not load, has no empty slot, or makes no token.
    pub fn new(module: PathBuf, token: Token, child: ChildCommand) -> Result<Self, AskError> {
        let asker = Self { module, token, child };
        if let Some(fresh) = asker.fresh() {
            let initialise = Task::Initialise { so_pin: FreshToken::so_pin(), label: FreshToken::label() };
            for task in [initialise, Task::Plant] {
                match asker.run(Some(fresh), task)? {
                    End::Said(Said::Done) => {}
                    End::Said(Said::Trouble(cause)) => return Err(AskError::Module(cause)),
                    end => return Err(AskError::Module(format!("making a token: {}", end.answer()))),
                }
            }
        }
        Ok(asker)
    }

    /// Asks everything, or the questions of these names, and tells each answer as it comes.
    ///
    /// # Errors
    /// The module does not even say what it is.
    pub fn ask(&self, only: &[String], mut heard: impl FnMut(&Row)) -> Result<Report, AskError> {
        let facts = self.facts()?;
        let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
        let mut rows = Vec::new();
        let mut told = |question: &str, (answer, detail)| {
            let row = Row { question: question.to_owned(), answer, detail };
            heard(&row);
            rows.push(row);
        };
        for name in question::names().filter(|name| wanted(name)) {
            told(name, (self.question(name)?, None));
        }
        for (name, ask) in kill::QUESTIONS.iter().filter(|(name, _)| wanted(name)) {
            told(name, self.fresh().map_or_else(|| Ok((not_fresh(), None)), |fresh| ask(self, fresh))?);
        }
        Ok(Report { module: self.module.display().to_string(), facts, rows })
    }

    fn facts(&self) -> Result<Facts, AskError> {
        match self.run(self.fresh(), Task::Facts)? {
            End::Said(Said::Facts(facts)) => Ok(*facts),
            End::Said(Said::Trouble(cause)) => Err(AskError::Module(cause)),
            end => Err(AskError::Module(format!("asked what it is: {}", end.answer()))),
        }
    }

    fn question(&self, name: &str) -> Result<Answer, AskError> {
        if ONLY_FRESH.contains(&name) && self.fresh().is_none() {
            return Ok(not_fresh());
        }
        Ok(self.run(self.fresh(), Task::Question(name.to_owned()))?.answer())
    }

    fn fresh(&self) -> Option<&FreshToken> {
        match &self.token {
            Token::Fresh(fresh) => Some(fresh),
            Token::Given { .. } => None,
        }
    }

    /// A child, from its start to its end, on a fresh token or on the given one.
    pub(crate) fn run(&self, on: Option<&FreshToken>, task: Task) -> Result<End, AskError> {
        let mut running = self.start(on, task)?;
        let deadline = Instant::now() + CHILD_MAX;
        let mut last = None;
        loop {
            match running.hear(deadline) {
                Heard::Line(said) => last = Some(said),
                Heard::Nothing => {
                    running.kill()?;
                    return Ok(End::Hung);
                }
                Heard::End => break,
            }
        }
        let status = running.child.wait()?;
        // What it said before a crash at its end counts: a module may crash when it is unloaded.
        Ok(last.map_or(End::Ended(status), End::Said))
    }

    pub(crate) fn start(&self, on: Option<&FreshToken>, task: Task) -> Result<Running, AskError> {
        let (which, pin) = match (&self.token, on) {
            (Token::Given { which, pin }, None) => (which.clone(), pin.clone()),
            (_, Some(fresh)) | (Token::Fresh(fresh), None) => (FreshToken::which(), fresh.pin()),
        };
        let order = Order { module: self.module.clone(), which, pin, task };
        let mut command = Command::new(&self.child.program);
        command.args(&self.child.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.envs(on.into_iter().flat_map(FreshToken::environment));
        let mut child = command.spawn()?;
        let line = serde_json::to_string(&order).map_err(std::io::Error::other)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that is gone already shows at its end.
            let _gone = writeln!(stdin, "{line}");
        }
        let (send, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    // What a module prints itself is no answer.
                    if let Ok(said) = serde_json::from_str(&line)
                        && send.send(said).is_err()
                    {
                        return;
                    }
                }
            });
        }
        Ok(Running { child, lines })
    }
}

fn not_fresh() -> Answer {
    Answer::NotAsked { why: "only of a token that is thrown away".into() }
}

/// A child at work.
pub struct Running {
    child: Child,
    lines: Receiver<Said>,
}

/// What is heard of a child within a time.
pub enum Heard {
    End,
    Line(Said),
    Nothing,
}

impl Running {
    /// What it says next, until a deadline.
    pub fn hear(&self, until: Instant) -> Heard {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(said) => Heard::Line(said),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// SIGKILL, and its end.
    pub fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

/// How a child ended.
pub enum End {
    /// Without a word.
    Ended(ExitStatus),
    Hung,
    Said(Said),
}

impl End {
    pub fn answer(self) -> Answer {
        match self {
            Self::Ended(status) => Answer::Crashes { how: crash(status) },
            Self::Hung => Answer::Hangs { after_s: CHILD_MAX.as_secs() },
            Self::Said(Said::Answer(answer)) => answer,
            Self::Said(Said::Trouble(why)) => Answer::NotAsked { why },
            Self::Said(other) => Answer::Crashes { how: format!("it ended after {other:?}") },
        }
    }
}

fn crash(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("it ended without an answer ({status})"),
    }
}
