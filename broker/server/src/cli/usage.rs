//! usage: what each principal asked for, as the running broker counts it.

use anyhow::{Result, bail};
use clap::Args;

use super::admin::{Reach, UNEXPECTED};
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Reply, Used};

#[derive(Args)]
pub struct Usage {
    /// One principal alone: ca-name/type:value, pin/name, local/uid:N or system/task
    #[arg(long)]
    principal: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Usage {
    pub fn run(self) -> Result<()> {
        let mut all: Vec<Used> = Vec::new();
        let mut after = None;
        loop {
            let ask = Ask::ReadUsage { principal: self.principal.clone(), after };
            let Reply::Usage { rows, next } = client::ask(&self.reach.socket, &ask)? else { bail!(UNEXPECTED) };
            all.extend(rows);
            if next.is_none() {
                break;
            }
            after = next;
        }
        if self.reach.json {
            return say::json(&all);
        }
        let mut rows = Vec::new();
        for used in &all {
            let who = used.principal.as_deref().unwrap_or("(all others)");
            rows.extend(used.counts.iter().map(|counted| {
                vec![who.to_owned(), counted.operation.clone(), counted.outcome.clone(), counted.count.to_string()]
            }));
        }
        say::table(&["PRINCIPAL", "OPERATION", "OUTCOME", "COUNT"], &rows)
    }
}
