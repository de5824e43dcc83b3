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
    const USAGE: &str = "usage: keybroker-soak FOLDER [--minutes N] [--seed N]";

    pub fn from_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        let folder = arguments.next().expect(Self::USAGE).into();
        let (mut minutes, mut seed) = (10, now_s().unsigned_abs());
        while let Some(flag) = arguments.next() {
            let value = arguments.next().expect(Self::USAGE).parse().expect(Self::USAGE);
            match flag.as_str() {
                "--minutes" => minutes = value,
                "--seed" => seed = value,
                _ => panic!("{}", Self::USAGE),
            }
        }
        let time = Duration::from_secs(minutes * 60);
        Self { folder, time, seed, began: Instant::now(), stopped: AtomicBool::new(false) }
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
