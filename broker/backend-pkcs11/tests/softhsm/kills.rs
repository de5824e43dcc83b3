//! Workers that are killed from outside, again and again.

use std::time::Duration;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::port::Backend as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::plant::{Hsm, Plant, says_try_again};

pub fn kill(worker: u32) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(worker.try_into().unwrap()).unwrap(), Signal::KILL);
}

#[tokio::test(flavor = "multi_thread")]
async fn unwraps_under_load_lose_nothing_while_workers_are_killed() {
    const TASKS: usize = 64;
    const CALLS: usize = 40;
    const KILLS: u32 = 12;
    let plant = Plant::new();
    let hsm = plant.open().await;
    let key = hsm.make("key", 1, KeySpec::Rsa2048).await.unwrap();
    let other = hsm.make("oct", 2, KeySpec::Oct256).await.unwrap();
    let backup = plant.cloned();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let (hsm, key, other) = (hsm.clone(), key.clone(), other.clone());
        tasks.push(tokio::spawn(async move {
            let (mut good, mut again) = (0, 0);
            while good < CALLS {
                let secret = [task as u8; 32];
                let rsa = hsm.wrap("key", &key, WrapAlgorithm::RsaOaep, &secret).await.unwrap();
                let answers = [
                    hsm.unwrap("key", &key, WrapAlgorithm::RsaOaep, &rsa).await,
                    hsm.wrap("oct", &other, WrapAlgorithm::A256Kw, &secret).await,
                ];
                for answer in answers {
                    match answer {
                        Ok(bytes) if bytes.len() == 40 => {
                            let opened = hsm.unwrap("oct", &other, WrapAlgorithm::A256Kw, &bytes).await;
                            assert!(opened.map_or_else(|why| says_try_again(&why.refusal), |bytes| bytes == secret));
                            good += 1;
                        }
                        Ok(bytes) => {
                            assert_eq!(bytes, secret);
                            good += 1;
                        }
                        Err(failure) => {
                            assert!(says_try_again(&failure.refusal), "{failure:?}");
                            again += 1;
                        }
                    }
                }
            }
            again
        }));
    }
    let mut kills = 0;
    while kills < KILLS && !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        // It serves, so it is logged in.
        if let Some(worker) = hsm.health().worker {
            tokio::time::sleep(Duration::from_millis(30)).await;
            kill(worker);
            kills += 1;
            hsm.until_restarted(Some(worker)).await;
        }
        tokio::task::yield_now().await;
    }
    let mut again = 0;
    for task in tasks {
        again += task.await.unwrap();
    }
    assert!(kills > 3, "only {kills}");
    let health = hsm.health();
    assert!(health.counts.starts > u64::from(kills), "{health:?}");
    // Two workers in a row may be killed under one call.
    assert!(again * 20 < TASKS * CALLS, "{again} calls had to be made again");
    let wrapped = hsm.wrap("key", &key, WrapAlgorithm::RsaOaep, &[1; 16]).await.unwrap();
    drop(hsm);
    let backup = backup.open().await;
    assert_eq!(backup.unwrap("key", &key, WrapAlgorithm::RsaOaep, &wrapped).await.unwrap(), [1; 16]);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_descriptors_are_flat_after_100_restarts() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    for _ in 0..20 {
        restart(&hsm).await;
    }
    let (descriptors, memory) = (descriptors(), resident_kib());
    for _ in 0..80 {
        restart(&hsm).await;
    }
    let (descriptors_after, memory_after) = (crate::kills::descriptors(), resident_kib());
    // Other tests of this process come and go.
    assert!(descriptors_after < descriptors + 60, "{descriptors} to {descriptors_after}");
    assert!(memory_after < memory + 30 * 1024, "{memory} to {memory_after} KiB");
    assert!(hsm.health().counts.starts > 100);
}

async fn restart(hsm: &Hsm) {
    let worker = hsm.until("a worker", |health| health.worker.is_some()).await.worker;
    hsm.0.self_test().await.unwrap();
    kill(worker.unwrap());
    hsm.until_restarted(worker).await;
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_worker_ends_when_its_broker_is_gone_and_not_by_a_signal_that_asks() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    let worker = Pid::from_raw(hsm.health().worker.unwrap().try_into().unwrap()).unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(worker, signal).unwrap();
    }
    hsm.0.self_test().await.unwrap();
    assert_eq!(hsm.health().counts.starts, 1);
    drop(hsm);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while rustix::process::test_kill_process(worker).is_ok() {
        assert!(std::time::Instant::now() < end, "it lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
