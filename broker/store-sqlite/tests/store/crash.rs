use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use broker_core::name::KeyVersion;
use broker_core::port::{Change, Store};
use broker_store_sqlite::{Options, Root, SqliteStore};

use crate::sample::*;

const DIRECTORY: &str = "KEYBROKER_TEST_CRASH_DIRECTORY";
const ROUND: &str = "KEYBROKER_TEST_CRASH_ROUND";
const ROUNDS: usize = 20;

/// Not a test: the process that `no_acknowledged_commit_is_lost_and_no_purge_is_half_done_when_the_process_is_killed` kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by another test, as its child process"]
async fn child_that_commits_until_it_is_killed() {
    let (Ok(directory), Ok(round)) = (std::env::var(DIRECTORY), std::env::var(ROUND)) else { return };
    let directory = Path::new(&directory);
    let root = Root::read_file(&directory.join("root.key")).unwrap();
    let store = Arc::new(SqliteStore::open(&directory.join("broker.db"), &root, Options::default()).unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (store, round) = (Arc::clone(&store), round.clone());
        writers.spawn(async move {
            for turn in 0..100_000 {
                let key = key("vault-a", &format!("key-{round}-{writer}-{turn}"));
                store
                    .commit(vec![put_material(&key, 1, &material(key.name.as_str().as_bytes())), put(&key)])
                    .await
                    .unwrap();
                let mut deed = "done";
                if turn % 3 == 0 {
                    let bin = deleted(&key);
                    store.commit(vec![put(&bin)]).await.unwrap();
                    store.commit(vec![Change::DropKey(Arc::new(bin))]).await.unwrap();
                    deed = "gone";
                }
                // One call for the line, so that it comes whole or not at all.
                std::io::stdout().lock().write_all(format!("{deed} {}\n", key.name).as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test]
async fn no_acknowledged_commit_is_lost_and_no_purge_is_half_done_when_the_process_is_killed() {
    let place = Place::new();
    drop(place.create());
    let (mut acknowledged, mut purged) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
            .env(DIRECTORY, place.directory.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = 0;
        while read < round * 13 + 5 {
            let line = lines.next().expect("the child ended by itself").unwrap();
            read += usize::from(note(&line, &mut acknowledged, &mut purged));
        }
        child.kill().unwrap();
        // What it said before it died counts too.
        for line in lines {
            note(&line.unwrap(), &mut acknowledged, &mut purged);
        }
        child.wait().unwrap();

        let store = place.open();
        for name in &acknowledged {
            let key = store.key(&vault_name("vault-a"), &key_name(name)).await.unwrap();
            assert_eq!(key.unwrap_or_else(|| panic!("{name} is lost in round {round}")).name.as_str(), name);
            let material = store.material(&vault_name("vault-a"), &key_name(name), KeyVersion([1; 16])).await.unwrap();
            assert_eq!(material.opaque, name.as_bytes());
        }
        for name in &purged {
            let key = store.key(&vault_name("vault-a"), &key_name(name)).await.unwrap();
            assert_eq!(key, None, "{name} came back in round {round}");
            assert!(store.material(&vault_name("vault-a"), &key_name(name), KeyVersion([1; 16])).await.is_err());
        }
        let counts = store.stats().counts;
        assert_eq!(counts.live_keys + counts.deleted_keys, counts.materials, "half a key in round {round}");
    }
    assert!(acknowledged.len() + purged.len() >= ROUNDS * 5 && purged.len() >= ROUNDS);
}

/// The test harness writes to the same output; its lines are not acknowledgements.
fn note(line: &str, acknowledged: &mut Vec<String>, purged: &mut Vec<String>) -> bool {
    for (deed, names) in [("done ", acknowledged), ("gone ", purged)] {
        if let Some((_, name)) = line.split_once(deed) {
            names.push(name.to_owned());
            return true;
        }
    }
    false
}
