//! What a call costs in time.

use std::time::Instant;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use serde::Serialize;

use super::subject::Subject;

/// Calls that a figure is of; the first ones warm what is cached.
const WARM: usize = 5;
const MEASURED: usize = 50;

/// Wrapping 32 bytes, again and again, one call at a time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    pub algorithm: &'static str,
    pub spec: &'static str,
    pub wrap_us_median: u64,
    pub wrap_us_max: u64,
}

/// None when it does not wrap at all, which another question tells.
pub async fn of_wrap(subject: &Subject, algorithm: WrapAlgorithm, spec: KeySpec) -> Option<Cost> {
    let key = subject.key(spec).await.ok()?;
    let mut spent = Vec::with_capacity(MEASURED);
    for call in 0..WARM + MEASURED {
        let began = Instant::now();
        subject.wrap(&key, algorithm, &[0x5E; 32], &WrapExtras::default()).await.ok()?;
        if call >= WARM {
            spent.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }
    spent.sort_unstable();
    let (wrap_us_median, wrap_us_max) = (spent[MEASURED / 2], *spent.last()?);
    Some(Cost { algorithm: algorithm.word(), spec: spec.word(), wrap_us_median, wrap_us_max })
}
