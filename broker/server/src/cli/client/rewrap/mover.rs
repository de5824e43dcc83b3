//! One line: unwrapped, wrapped again under the newest version, or left alone.

use std::collections::HashMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::journal::Reason;
use crate::cli::client::document::{Document, KeyPath, KeyRef};
use crate::cli::client::vault::{Unserved, Vault};

/// Why a line is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Why {
    Blank,
    Failed { error: String },
    Newest,
    OtherVault,
}

impl Why {
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Blank => Reason::Blank,
            Self::Failed { .. } => Reason::Failed,
            Self::Newest => Reason::Newest,
            Self::OtherVault => Reason::OtherVault,
        }
    }
}

pub enum Outcome {
    Left(Why),
    Moved(Vec<u8>),
}

pub struct Mover {
    vault: Vault,
    algorithm: Option<String>,
    /// The newest version of each key that was met, looked up once.
    newest: Mutex<HashMap<String, KeyRef>>,
}

impl Mover {
    pub fn new(vault: Vault, algorithm: Option<String>) -> Self {
        Self { vault, algorithm, newest: Mutex::default() }
    }

    /// What becomes of a line.
    ///
    /// # Errors
    /// The broker is away or busy: the line has not had its turn.
    pub async fn moved(&self, line: &[u8]) -> Result<Outcome> {
        if line.trim_ascii().is_empty() {
            return Ok(Outcome::Left(Why::Blank));
        }
        let (document, kid) = match Document::parse(line) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Outcome::Left(Why::Failed { error: format!("{error:#}") })),
        };
        if kid.origin.host != self.vault.origin.host {
            return Ok(Outcome::Left(Why::OtherVault));
        }
        match self.rewrapped(&document, &kid).await {
            Ok(None) => Ok(Outcome::Left(Why::Newest)),
            Ok(Some(moved)) => Ok(Outcome::Moved(with_fields_of(line, &moved)?)),
            Err(unserved) if unserved.is_passing() => Err(unserved.into()),
            Err(unserved) => Ok(Outcome::Left(Why::Failed { error: unserved.to_string() })),
        }
    }

    async fn rewrapped(&self, document: &Document, kid: &KeyPath) -> Result<Option<Document>, Unserved> {
        let newest = self.newest(&kid.key).await?;
        let algorithm = self.algorithm.as_ref().unwrap_or(&document.alg);
        if newest == kid.key && *algorithm == document.alg {
            return Ok(None);
        }
        let opened = self.vault.unwrap_key(&kid.key, document).await?;
        Ok(Some(self.vault.wrap_key(&newest, algorithm, &opened.secret).await?))
    }

    async fn newest(&self, key: &KeyRef) -> Result<KeyRef, Unserved> {
        let mut known = self.newest.lock().await;
        if let Some(newest) = known.get(key.name.as_str()) {
            return Ok(newest.clone());
        }
        let shown = self.vault.get_key(&KeyRef { name: key.name.clone(), version: None }).await?;
        let kid = KeyPath::parse(shown["key"]["kid"].as_str().unwrap_or_default());
        let newest = kid.map_err(|error| Unserved::Senseless(format!("{error:#}")))?.key;
        known.insert(key.name.as_str().to_owned(), newest.clone());
        Ok(newest)
    }
}

/// The line with the document in it; what else stands there stays.
fn with_fields_of(line: &[u8], document: &Document) -> Result<Vec<u8>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line)?;
    let Document { kid, alg, value, iv, tag } = document;
    for (name, text) in
        [("kid", Some(kid)), ("alg", Some(alg)), ("value", Some(value)), ("iv", iv.as_ref()), ("tag", tag.as_ref())]
    {
        match text {
            Some(text) => _ = fields.insert(name.to_owned(), text.as_str().into()),
            None => _ = fields.remove(name),
        }
    }
    Ok(serde_json::to_vec(&fields)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_line_keeps_its_other_fields() {
        let line = br#"{"kid":"https://v.kv.test/keys/k","alg":"A256GCM","value":"AA","iv":"BB","tag":"CC","row":7}"#;
        let (mut document, _) = Document::parse(line).unwrap();
        (document.alg, document.value) = ("A256KW".to_owned(), "DD".to_owned());
        (document.iv, document.tag) = (None, None);
        let moved: Value = serde_json::from_slice(&with_fields_of(line, &document).unwrap()).unwrap();
        let wanted = serde_json::json!({ "kid": document.kid, "alg": "A256KW", "value": "DD", "row": 7 });
        assert_eq!(moved, wanted);
    }
}
