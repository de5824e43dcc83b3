//! Why an audit log is not opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why the audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "audit log {path}: {problem}; it was changed by someone else. Move the folder away to keep it as evidence, then start again: a new log begins"
    )]
    Altered { path: PathBuf, problem: String },
    #[error("audit log {path}: {cause}")]
    Io { path: PathBuf, cause: io::Error },
    #[error("audit log {path} is in use by another process; one broker writes one log")]
    InUse { path: PathBuf },
    #[error("audit.sink {name}: {problem}")]
    Sink { name: String, problem: String },
    #[error(
        "audit log {path}: its {what} makes no sense. Move the folder away to keep it, then start again: a new log begins"
    )]
    Unreadable { path: PathBuf, what: &'static str },
}

impl OpenError {
    pub(crate) fn altered(path: &Path, problem: impl Into<String>) -> Self {
        Self::Altered { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    pub(crate) fn unreadable(path: &Path, what: &'static str) -> Self {
        Self::Unreadable { path: path.to_owned(), what }
    }
}
