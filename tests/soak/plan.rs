//! How long, from which seed, and where the report goes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::now_s;

pub struct Plan {
    pub folder: PathBuf,
    pub time: Duration,
    pub seed: u64,
    began: Instant,
    stopped: AtomicBool,
}

impl Plan {
    /// What is wrong with the words of the command line, and how they go.
    pub fn from_arguments() -> Result<Self, String> {
        Self::from_words(std::env::args().skip(1)).map_err(|what| {
            format!("soak: {what}; usage: ./dev soak [FOLDER] [--minutes N] [--seed N], of numbers from 0 on")
        })
    }

    fn from_words(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let folder = words.next().filter(|word| !word.starts_with('-')).ok_or("no folder for the report")?.into();
        let (mut minutes, mut seed) = (10, now_s().unsigned_abs());
        while let Some(flag) = words.next() {
            let place = match flag.as_str() {
                "--minutes" => &mut minutes,
                "--seed" => &mut seed,
                _ => return Err(format!("{flag:?} is not known")),
            };
            let value = words.next().ok_or_else(|| format!("{flag} has no number"))?;
            *place = value.parse().map_err(|_| format!("{flag} {value:?} is no number"))?;
        }
        let time = Duration::from_secs(minutes.saturating_mul(60));
        Ok(Self { folder, time, seed, began: Instant::now(), stopped: AtomicBool::new(false) })
    }

    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.began.elapsed() >= self.time
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Something is wrong: nothing more is begun.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
