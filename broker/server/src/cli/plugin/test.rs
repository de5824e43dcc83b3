//! plugin test: the conformance run.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use broker_backend_wasm::{Inspection, PluginSpec, WasmBackend, inspect};
use clap::Args;
use serde_json::json;

use super::{Component, Moment, nothing_outside, runtime};
use crate::cli::say;
use crate::conformance::{Answer, Report, Row, examine};
use crate::hex;

#[derive(Args)]
pub struct Test {
    #[command(flatten)]
    component: Component,
}

impl Test {
    pub fn run(self) -> Result<()> {
        let (seen, report) = runtime()?.block_on(self.examined())?;
        let count = |of: fn(&Answer) -> bool| report.rows.iter().filter(|row| of(&row.answer)).count();
        let failed = count(|answer| matches!(answer, Answer::Failed(_)));
        let passed = count(|answer| *answer == Answer::Passed);
        if self.component.json {
            say::json(&json!({
                "sha256": hex(&seen.sha256),
                "passed": passed,
                "failed": failed,
                "rows": report.rows,
                "costs": report.costs,
                "memory-bytes-peak": report.memory_bytes_peak,
            }))?;
        } else {
            show_costs(&report)?;
            say::line(format!(
                "\n{passed} passed, {failed} failed, {} not asked",
                report.rows.len() - passed - failed
            ))?;
        }
        if failed > 0 {
            bail!("{}: not as the contract wants it", self.component.file.display());
        }
        Ok(())
    }

    /// With all that it imports granted, but nothing behind it: no setting, host, credential, delegate; a private state that
    /// is forgotten.
    async fn examined(&self) -> Result<(Inspection, Report)> {
        let component = &self.component;
        let (moment, compiled) = (Moment::new()?, Folder::new()?);
        let folder = || Some(compiled.0.clone());
        let spec = component.spec()?;
        let seen = inspect(spec.clone(), moment.keys()?, nothing_outside(), folder()).await?;
        let grants = seen.needs.iter().copied().collect();
        let spec = PluginSpec { sha256: Some(seen.sha256), grants, ..spec };
        let plugin = WasmBackend::load(spec, moment.keys()?, nothing_outside(), folder());
        let plugin = plugin.await.context("no broker loads it")?;
        let report = examine(plugin, |row: &Row| {
            if !component.json {
                // Whoever reads along may have gone away; the verdict comes all the same.
                let _gone = say::line(format!("{:9}  {}", row.answer.word(), row.question));
                if row.answer != Answer::Passed {
                    let _gone = say::line(format!("           {}", row.answer));
                }
            }
        });
        Ok((seen, report.await))
    }
}

/// Where it is compiled to, once for all; it goes away with the command.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let name = format!("keybroker-plugin-test-{}", hex(&broker_crypto::random::random::<8>()?));
        Ok(Self(std::env::temp_dir().join(name)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It was not made if nothing was compiled; and what stays behind is run by nobody, for its key is gone.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn show_costs(report: &Report) -> Result<()> {
    let cells = |cost: &crate::conformance::Cost| {
        vec![
            cost.algorithm.to_owned(),
            cost.spec.to_owned(),
            cost.wrap_us_median.to_string(),
            cost.wrap_us_max.to_string(),
        ]
    };
    say::line("")?;
    let rows: Vec<_> = report.costs.iter().map(cells).collect();
    say::table(&["WRAP 32 BYTES", "KEY", "MEDIAN US", "MAX US"], &rows)?;
    say::line(format!("memory of a call, at most: {} KiB", report.memory_bytes_peak.div_ceil(1024)))
}
