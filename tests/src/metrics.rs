//! A scrape of `/metrics`, read.

/// The text format of Prometheus, as it was at one moment.
pub struct Metrics(pub String);

impl Metrics {
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
        self.0.lines().filter_map(of_line).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_of_the_samples_asked_for() {
        let text = "# HELP a_total x\na_total{front=\"kv\",reason=\"b\"} 2\na_total{front=\"kv\",reason=\"c\"} 3\na_totals 7\nplain 4\n";
        let metrics = Metrics(text.to_owned());
        let rows: &[(&str, &[(&str, &str)], f64)] = &[
            ("a_total", &[], 5.0),
            ("a_total", &[("reason", "c")], 3.0),
            ("a_total", &[("reason", "d")], 0.0),
            ("a_total", &[("front", "kv"), ("reason", "b")], 2.0),
            ("plain", &[], 4.0),
        ];
        for (name, labels, sum) in rows {
            assert_eq!(metrics.sum(name, labels).to_bits(), sum.to_bits(), "{name} {labels:?}");
        }
    }
}
