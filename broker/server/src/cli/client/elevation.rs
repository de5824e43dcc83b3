//! pending, approve, deny: grants that wait for a second administrator, who comes with a certificate.

use anyhow::{Context as _, Result};
use broker_core::grant::GrantId;
use clap::Args;

use super::Reach;
use crate::cli::say;

#[derive(Args)]
pub struct Pending {
    #[command(flatten)]
    reach: Reach,
}

impl Pending {
    pub async fn run(self) -> Result<()> {
        let listed = self.reach.vault()?.elevations().await?;
        if self.reach.json {
            return say::json(&listed);
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
        let row = |one: &serde_json::Value| {
            let what = one["properties"]["roleDefinitionId"].as_str().and_then(|id| id.rsplit('/').next());
            vec![
                text(&one["name"]),
                text(&one["properties"]["principalId"]),
                text(&one["properties"]["scope"]),
                what.unwrap_or("?").to_owned(),
                text(&one["askedBy"]),
                one["waitsUntil"].to_string(),
                text(&one["justification"]),
            ]
        };
        let rows: Vec<_> = listed["value"].as_array().into_iter().flatten().map(row).collect();
        say::table(
            &["ID", "PRINCIPAL", "SCOPE", "ROLE OR PERMISSIONS", "ASKED BY", "WAITS UNTIL", "JUSTIFICATION"],
            &rows,
        )
    }
}

#[derive(Args)]
pub struct Decision {
    /// Its id, as `pending` shows it
    id: String,
    #[command(flatten)]
    reach: Reach,
}

impl Decision {
    pub async fn approve(self) -> Result<()> {
        self.decide("approve", "approved; it is in force").await
    }

    pub async fn deny(self) -> Result<()> {
        self.decide("deny", "denied; it was never in force").await
    }

    async fn decide(self, word: &str, done: &str) -> Result<()> {
        let id = GrantId::parse(&self.id).with_context(|| format!("{:?} is not a grant's id", self.id))?;
        self.reach.vault()?.decide(id, word).await?;
        if self.reach.json { say::json(&serde_json::json!({ word: id.to_string() })) } else { say::line(done) }
    }
}
