//! What commands print: for people, or with `--json` for scripts.

use std::io::Write as _;

use anyhow::Result;

/// One line on stdout.
///
/// # Errors
/// stdout is gone.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// A value as one line of JSON on stdout.
///
/// # Errors
/// stdout is gone.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    line(serde_json::to_string(value)?)
}

/// Rows under headings, columns as wide as their widest cell.
///
/// # Errors
/// stdout is gone.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let print = |cells: &[String]| {
        let padded: Vec<_> =
            cells.iter().enumerate().map(|(column, cell)| format!("{cell:width$}", width = width(column))).collect();
        line(padded.join("  ").trim_end())
    };
    print(&headings.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| print(row))
}
