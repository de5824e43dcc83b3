//! What a child is told, on its standard input: one line of JSON. Never a PIN, only where it is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which of a module's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    Label(String),
    Serial(String),
    Slot(u64),
}

/// Where the user's PIN is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinSource {
    Environment(String),
    /// A line's end at its end does not count.
    File(PathBuf),
}

/// What one child is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Says [`crate::Facts`].
    Facts,
    /// Makes a token in the first slot that has none.
    Initialise { so_pin: String, label: String },
    /// Says whether the token and the key that [`Task::Plant`] made are well, and how many objects are not.
    Inspect,
    /// Logs in, makes key pairs in the token until it is killed; says a line before it begins. With a limit the system
    /// kills it at its first write beyond so many bytes of a file.
    KeepGenerating { file_bytes_max: Option<u64> },
    /// Says a line and logs in, with the same limit.
    LogIn { file_bytes_max: u64 },
    /// Makes a key that must survive.
    Plant,
    /// Answers a question, by its name.
    Question(String),
}

/// A child's whole task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub module: PathBuf,
    pub which: Which,
    pub pin: PinSource,
    pub task: Task,
}
