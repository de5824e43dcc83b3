//! plugin test: the conformance run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use broker_backend_wasm::{Capability, Inspection, Outside, PluginSpec, WasmBackend, inspect};
use clap::Args;
use serde_json::json;

use super::{Component, Moment, nothing_outside, runtime};
use crate::cli::say;
use crate::config::{self, WasmPlugin};
use crate::conformance::{Answer, FreshDelegates, Report, Row, examine};
use crate::hex;
use crate::plugin::network_of;

#[derive(Args)]
pub struct Test {
    #[command(flatten)]
    component: Component,
    /// One of its settings: true, 5, ["a"], or a text; may be given several times
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// What its section of a configuration says beside name and file: settings, [http], [[credential]], limits
    #[arg(long, value_name = "FILE")]
    section: Option<PathBuf>,
    /// A delegate, which wraps under keys made for this run; may be given several times
    #[arg(long = "delegate", value_name = "NAME")]
    delegates: Vec<String>,
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

    /// With all that it imports granted, but nothing behind it that was not named: no setting, host, credential, delegate; a
    /// private state that is forgotten.
    async fn examined(&self) -> Result<(Inspection, Report)> {
        let component = &self.component;
        let (moment, compiled) = (Moment::new()?, Folder::new()?);
        let folder = || Some(compiled.0.clone());
        let spec = component.spec()?;
        let seen = inspect(spec.clone(), moment.keys()?, nothing_outside(), folder()).await?;
        let given = self.given(&seen.needs)?;
        let limits = component.limits_beside(&given.limits);
        let spec = PluginSpec { sha256: Some(seen.sha256), grants: given.grants, limits, ..spec };
        let plugin = WasmBackend::load(spec, moment.keys()?, self.outside(given)?, folder());
        let plugin = plugin.await.context("no broker loads it")?;
        let delegates = seen.needs.contains(&Capability::Delegate);
        let report = examine(plugin, delegates, |row: &Row| {
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

    /// The section that the command line makes.
    fn given(&self, needs: &[Capability]) -> Result<WasmPlugin> {
        let told = |path: &Path| path.display().to_string();
        let (mut section, folder) = match &self.section {
            None => (toml::Table::new(), PathBuf::new()),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| told(path))?;
                let section = text.parse().with_context(|| told(path))?;
                (section, path.parent().map(Path::to_owned).unwrap_or_default())
            }
        };
        let settings = section.entry("settings").or_insert_with(|| toml::Table::new().into());
        let settings = settings.as_table_mut().context("settings is a table")?;
        for setting in &self.settings {
            let (name, value) = setting.split_once('=').with_context(|| format!("{setting:?} is not NAME=VALUE"))?;
            settings.insert(name.to_owned(), value_of(value));
        }
        if settings.is_empty() {
            section.remove("settings");
        }
        config::section(section, needs, &folder).context("what the plugin was given")
    }

    fn outside(&self, given: WasmPlugin) -> Result<Outside> {
        let bare = nothing_outside();
        let names = given.delegates.keys().chain(&self.delegates).cloned().collect();
        Ok(Outside {
            delegates: Arc::new(FreshDelegates::named(names)),
            network: network_of(&given)?.unwrap_or_else(|| Arc::clone(&bare.network)),
            settings: given.settings,
            ..bare
        })
    }
}

/// As TOML has it, or a text.
fn value_of(text: &str) -> toml::Value {
    let table = format!("value = {text}").parse::<toml::Table>();
    table.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| text.into())
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
