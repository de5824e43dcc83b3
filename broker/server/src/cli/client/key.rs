//! get, rotate, wrap, unwrap, data-key.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::secret::Secret;
use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};

use super::Reach;
use super::document::{DOCUMENT_BYTES_MAX, Document, KeyRef};
use super::material::{self, SECRET_BYTES_MAX};
use super::vault::{Unserved, Vault};
use crate::cli::say;

/// Which key.
#[derive(Args)]
struct Named {
    /// The key, and its version if it is not to be the newest
    #[arg(long, value_name = "NAME[/VERSION]")]
    vault_key: String,
}

/// Which key wraps, and how.
#[derive(Args)]
pub struct Wrapping {
    #[command(flatten)]
    named: Named,
    /// RSA-OAEP-256 by default for RSA keys, A256KW or A128KW for symmetric ones (with P where the size asks for padding)
    #[arg(long)]
    algorithm: Option<String>,
}

impl Wrapping {
    /// Wraps; the document names the version that did.
    ///
    /// # Errors
    /// The broker refuses or is away.
    pub async fn wrap(&self, vault: &Vault, secret: &Secret) -> Result<Document> {
        let key = KeyRef::parse(&self.named.vault_key)?;
        let text = material::encode(secret);
        if let Some(algorithm) = &self.algorithm {
            return Ok(vault.wrap_key(&key, algorithm, &text).await?);
        }
        let shown =
            vault.get_key(&key).await.context("the key's type cannot be read; name the algorithm with --algorithm")?;
        let candidates = algorithms_of(shown["key"]["kty"].as_str().unwrap_or_default(), secret.len())?;
        let mut first = None;
        for algorithm in candidates {
            match vault.wrap_key(&key, algorithm, &text).await {
                Ok(document) => return Ok(document),
                // A symmetric key does not show its size; the algorithm of another size is refused like this.
                Err(error @ Unserved::Refused { status: StatusCode::BAD_REQUEST, .. }) => {
                    _ = first.get_or_insert(error)
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(first.map_or_else(|| anyhow::anyhow!("no algorithm fits"), Into::into))
    }
}

/// What to try, in order. RFC 3394 takes 16 bytes or more in steps of 8; RFC 5649 any size.
fn algorithms_of(kty: &str, secret_bytes: usize) -> Result<&'static [&'static str]> {
    let whole = secret_bytes >= 16 && secret_bytes.is_multiple_of(8);
    match (kty, whole) {
        ("RSA" | "RSA-HSM", _) => Ok(&["RSA-OAEP-256"]),
        ("oct" | "oct-HSM", true) => Ok(&["A256KW", "A128KW"]),
        ("oct" | "oct-HSM", false) => Ok(&["A256KWP", "A128KWP"]),
        (other, _) => bail!("a key of type {other:?} does not wrap"),
    }
}

#[derive(Args)]
pub struct Get {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    reach: Reach,
}

impl Get {
    pub async fn run(self) -> Result<()> {
        let shown = self.reach.vault()?.get_key(&KeyRef::parse(&self.named.vault_key)?).await?;
        show(&self.reach, &shown)
    }
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    reach: Reach,
}

impl Rotate {
    pub async fn run(self) -> Result<()> {
        let key = KeyRef::parse(&self.named.vault_key)?;
        ensure!(key.version.is_none(), "a key is rotated as a whole: name it without a version");
        show(&self.reach, &self.reach.vault()?.rotate_key(&key).await?)
    }
}

fn show(reach: &Reach, bundle: &Value) -> Result<()> {
    if reach.json {
        return say::json(bundle);
    }
    let words = |list: &Value| {
        list.as_array()
            .map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
            .unwrap_or_default()
    };
    say::line(bundle["key"]["kid"].as_str().unwrap_or("?"))?;
    say::line(format!("type: {}", bundle["key"]["kty"].as_str().unwrap_or("?")))?;
    say::line(format!("operations: {}", words(&bundle["key"]["key_ops"])))?;
    for name in ["enabled", "nbf", "exp", "created", "updated"] {
        let value = &bundle["attributes"][name];
        if !value.is_null() {
            say::line(format!("{name}: {value}"))?;
        }
    }
    Ok(())
}

#[derive(Args)]
pub struct Wrap {
    #[command(flatten)]
    wrapping: Wrapping,
    /// The secret; - is stdin
    #[arg(long = "in", value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Where the wrapped value goes; - is stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    document: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

impl Wrap {
    pub async fn run(self) -> Result<()> {
        let secret = material::read(&self.input, SECRET_BYTES_MAX)?;
        let document = self.wrapping.wrap(&self.reach.vault()?, &secret).await?;
        material::write(&self.document, &line_of(&document)?)
    }
}

#[derive(Args)]
pub struct Unwrap {
    /// The wrapped value; - is stdin
    #[arg(long, value_name = "FILE", default_value = "-")]
    document: PathBuf,
    /// Where the secret goes: a file of mode 0600, or - for stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

impl Unwrap {
    pub async fn run(self) -> Result<()> {
        let text = material::read(&self.document, DOCUMENT_BYTES_MAX)?;
        let (document, kid) = Document::parse(text.expose())?;
        let opened = self.reach.vault_of(&kid)?.unwrap_key(&kid.key, &document).await?;
        let secret = material::decode(&opened.secret)?;
        material::write(&self.out, secret.expose())?;
        if material::is_dash(&self.out) {
            return Ok(());
        }
        if self.reach.json {
            return say::json(&json!({ "kid": opened.kid, "bytes": secret.len(), "out": self.out }));
        }
        say::line(format!("{} bytes, unwrapped by {}, are in {}", secret.len(), opened.kid, self.out.display()))
    }
}

#[derive(Args)]
pub struct DataKey {
    #[command(flatten)]
    wrapping: Wrapping,
    /// 16, 24, 32 or 64
    #[arg(long, default_value_t = 32)]
    bytes: usize,
    /// Where the wrapped value goes; - is stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    document: PathBuf,
    /// Where the data key itself goes: a file of mode 0600, or - for stdout; nowhere when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

impl DataKey {
    pub async fn run(self) -> Result<()> {
        ensure!([16, 24, 32, 64].contains(&self.bytes), "--bytes {} must be 16, 24, 32 or 64", self.bytes);
        let both = self.out.as_deref().is_some_and(material::is_dash) && material::is_dash(&self.document);
        ensure!(
            !both,
            "the data key and its wrapped form cannot both go to stdout: name a file with --document or --out"
        );
        let secret = broker_crypto::random::secret(self.bytes)?;
        let document = self.wrapping.wrap(&self.reach.vault()?, &secret).await?;
        if let Some(out) = &self.out {
            material::write(out, secret.expose())?;
        }
        material::write(&self.document, &line_of(&document)?)
    }
}

fn line_of(document: &Document) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    Ok(line)
}
