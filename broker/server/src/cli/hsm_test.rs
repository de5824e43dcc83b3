//! hsm-test: asks any PKCS#11 module the same questions; no broker has to run.

use std::fs;
use std::path::PathBuf;

use ::hsm_test::{Asker, ChildCommand, FreshToken, PinSource, Report, Row, Token, Which, disagreements, markdown};
use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::say;

#[derive(Args)]
pub struct HsmTest {
    /// The PKCS#11 module (a shared library)
    #[arg(long, value_name = "PATH", required_unless_present = "compare")]
    module: Option<PathBuf>,
    /// Ask the token of this label, and only what leaves nothing behind; else a fresh token is made and thrown away
    #[arg(long, group = "given")]
    label: Option<String>,
    /// The same, by its serial number
    #[arg(long, group = "given")]
    serial: Option<String>,
    /// The same, by its slot
    #[arg(long, group = "given")]
    slot: Option<u64>,
    /// File of that token's user PIN
    #[arg(long, value_name = "PATH", group = "pin", requires = "given")]
    pin_file: Option<PathBuf>,
    /// Environment variable of that token's user PIN
    #[arg(long, value_name = "NAME", group = "pin", requires = "given")]
    pin_env: Option<String>,
    /// Ask only this; may be given more than once
    #[arg(long, value_name = "TEXT")]
    question: Vec<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Print what the modules of these reports do otherwise than each other, as Markdown; 1 where they disagree
    #[arg(long, value_name = "REPORT", num_args = 1.., conflicts_with_all = ["module", "given", "pin", "question", "json"])]
    compare: Vec<PathBuf>,
}

/// It could be asked, and something was wrong: exit code 1, with nothing more to say.
const FAULTS: &str = "the module got something wrong";

impl HsmTest {
    pub fn run(self) -> Result<()> {
        if !self.compare.is_empty() {
            return compare(&self.compare);
        }
        let unknown = self.question.iter().find(|question| !::hsm_test::names().any(|name| name == **question));
        if let Some(unknown) = unknown {
            let known: Vec<_> = ::hsm_test::names().collect();
            bail!("no question is called {unknown:?}; these are:\n  {}", known.join("\n  "));
        }
        let module = self.module.as_ref().context("--module is missing")?;
        let module = std::path::absolute(module).with_context(|| format!("module {}", module.display()))?;
        // This very program, even when another lies at its path by now.
        let child = ChildCommand { program: "/proc/self/exe".into(), arguments: vec![super::HSM_TEST_CHILD.into()] };
        let asker = Asker::new(module, self.token()?, child)?;
        let report = asker.ask(&self.question, |row: &Row| eprintln!("{}: {}", row.question, row.answer))?;
        show(&report)?;
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(&report)?;
            fs::write(path, text + "\n").with_context(|| format!("report {}", path.display()))?;
        }
        if report.rows.iter().any(|row| row.answer.is_fault()) {
            bail!(FAULTS);
        }
        Ok(())
    }

    fn token(&self) -> Result<Token> {
        let which = match (&self.label, &self.serial, self.slot) {
            (None, None, None) => return Ok(Token::Fresh(FreshToken::new().context("a folder for a fresh token")?)),
            (Some(label), ..) => Which::Label(label.clone()),
            (_, Some(serial), _) => Which::Serial(serial.clone()),
            (.., Some(slot)) => Which::Slot(slot),
        };
        let pin = match (&self.pin_file, &self.pin_env) {
            (Some(file), _) => PinSource::File(std::path::absolute(file)?),
            (_, Some(variable)) => PinSource::Environment(variable.clone()),
            (None, None) => bail!("a token that is there has a PIN: --pin-file or --pin-env"),
        };
        Ok(Token::Given { which, pin })
    }
}

fn show(report: &Report) -> Result<()> {
    say::line(format!("{}: {}", report.module, report.title()))?;
    say::line(format!("{} mechanisms\n", report.facts.mechanisms.len()))?;
    let cells = |row: &Row| vec![row.question.clone(), row.answer.to_string(), row.detail.clone().unwrap_or_default()];
    say::table(&["QUESTION", "ANSWER", "FIGURES"], &report.rows.iter().map(cells).collect::<Vec<_>>())
}

fn compare(paths: &[PathBuf]) -> Result<()> {
    let read = |path: &PathBuf| {
        let text = fs::read(path).with_context(|| format!("report {}", path.display()))?;
        serde_json::from_slice::<Report>(&text).with_context(|| format!("report {}", path.display()))
    };
    let reports = paths.iter().map(read).collect::<Result<Vec<_>>>()?;
    say::line(markdown(&reports).trim_end())?;
    let found = disagreements(&reports);
    if !found.is_empty() {
        bail!("where one module is right, another is wrong:\n{}", found.join("\n"));
    }
    Ok(())
}
