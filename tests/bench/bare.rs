//! The same operation alone: no socket, no guest, no audit.

use std::time::{Duration, Instant};

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;

/// CPU microseconds of one operation, when so many threads do nothing else: two that share a core's units take longer each,
/// so what a busy broker is held against is measured on as many threads as keep the machine busy.
pub fn us_per_operation(
    (spec, algorithm, unwrap): (KeySpec, WrapAlgorithm, bool),
    threads: usize,
    most: Duration,
) -> f64 {
    std::thread::scope(|scope| {
        let each: Vec<_> = (0..threads).map(|_| scope.spawn(|| us_alone(spec, algorithm, unwrap, most))).collect();
        each.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>() / threads as f64
    })
}

fn us_alone(spec: KeySpec, algorithm: WrapAlgorithm, unwrap: bool, most: Duration) -> f64 {
    let key = CryptoKey::generate(spec).unwrap();
    let (secret, extras) = (Secret::copied_from(&[7; 32]), WrapExtras::default());
    let wrapped = key.wrap(algorithm, &secret, &extras).unwrap();
    if unwrap {
        us_of(|| drop(std::hint::black_box(key.unwrap_secret(algorithm, &wrapped.value, &extras).unwrap())), most)
    } else {
        us_of(|| drop(std::hint::black_box(key.wrap(algorithm, &secret, &extras).unwrap())), most)
    }
}

/// CPU microseconds of this thread for one of what is done again and again.
pub fn us_of(one: impl Fn(), most: Duration) -> f64 {
    let (began, cpu) = (Instant::now(), thread_cpu_us());
    let mut operations = 0_u32;
    while began.elapsed() < most {
        (0..16).for_each(|_| one());
        operations += 16;
    }
    (thread_cpu_us() - cpu) / f64::from(operations)
}

/// CPU of this thread so far, in microseconds.
pub fn thread_cpu_us() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}
