//! What came of the questions.

use serde::{Deserialize, Serialize};

/// What a module did when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The process ended in the middle.
    Crashes { how: String },
    /// It does what was asked, and the outcome is right.
    Does,
    /// No answer within the deadline.
    Hangs { after_s: u64 },
    /// It cannot be asked here.
    NotAsked { why: String },
    /// It says no: the function and the name of its CK_RV.
    Refuses { code: String },
    /// It answered, and the answer is wrong.
    Wrong { what: String },
}

impl Answer {
    pub fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong { what: what.into() }
    }

    /// Whether no module may answer so.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Crashes { .. } | Self::Hangs { .. } | Self::Wrong { .. } => true,
            Self::Does | Self::NotAsked { .. } | Self::Refuses { .. } => false,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Crashes { how } => write!(f, "CRASHES: {how}"),
            Self::Does => f.write_str("does"),
            Self::Hangs { after_s } => write!(f, "HANGS: no answer after {after_s} s"),
            Self::NotAsked { why } => write!(f, "not asked: {why}"),
            Self::Refuses { code } => write!(f, "refuses: {code}"),
            Self::Wrong { what } => write!(f, "WRONG: {what}"),
        }
    }
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub question: String,
    #[serde(flatten)]
    pub answer: Answer,
    /// Figures, which differ from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a module and its token say about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub manufacturer: String,
    /// CK_TOKEN_INFO.model, by which the broker's table of quirks knows it.
    pub model: String,
    pub firmware: String,
    /// CK_INFO.libraryDescription and libraryVersion.
    pub library: String,
    /// CK_INFO.cryptokiVersion.
    pub cryptoki: String,
    /// CKM names, sorted; those without a name as hexadecimal.
    pub mechanisms: Vec<String>,
}

/// All that was asked of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub module: String,
    pub facts: Facts,
    pub rows: Vec<Row>,
}

impl Report {
    /// The answer to a question, by its name.
    #[must_use]
    pub fn answer(&self, question: &str) -> Option<&Answer> {
        self.rows.iter().find(|row| row.question == question).map(|row| &row.answer)
    }

    /// How a heading names the module, its versions included.
    #[must_use]
    pub fn title(&self) -> String {
        let Facts { manufacturer, model, firmware, library, cryptoki, .. } = &self.facts;
        format!("{manufacturer}: {model}, firmware {firmware} ({library}, PKCS#11 {cryptoki})")
    }
}
