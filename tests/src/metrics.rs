//! A scrape of `/metrics`, read.

use std::collections::BTreeSet;

/// The text format of Prometheus, as it was at one moment.
pub struct Metrics(pub String);

impl Metrics {
    /// Every series: its name and labels, as they stand before the value.
    #[must_use]
    pub fn series(&self) -> BTreeSet<&str> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
    }

    /// The sum of a metric's samples that carry all of `labels`; 0 where there is none.
    ///
    /// # Panics
    /// A sample is not a number.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let of_line = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let has = |label: &String| labels.split(',').any(|held| held == label);
            wanted.iter().all(has).then(|| value.parse::<f64>().unwrap())
        };
        // Not `sum`: of nothing at all that is -0.
        self.0.lines().filter_map(of_line).fold(0.0, |sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A metric, labels, and the sum of the samples that carry them.
    type Row = (&'static str, &'static [(&'static str, &'static str)], f64);

    #[test]
    fn a_sum_is_of_the_samples_asked_for() {
        let text = "# HELP a_total x\na_total{front=\"kv\",reason=\"b\"} 2\na_total{front=\"kv\",reason=\"c\"} 3\na_totals 7\nplain 4\n";
        let metrics = Metrics(text.to_owned());
        let rows: [Row; 5] = [
            ("a_total", &[], 5.0),
            ("a_total", &[("reason", "c")], 3.0),
            ("a_total", &[("reason", "d")], 0.0),
            ("a_total", &[("front", "kv"), ("reason", "b")], 2.0),
            ("plain", &[], 4.0),
        ];
        for (name, labels, sum) in &rows {
            assert_eq!(metrics.sum(name, labels).to_bits(), sum.to_bits(), "{name} {labels:?}");
        }
    }
}
