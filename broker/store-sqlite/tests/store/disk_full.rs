use std::path::PathBuf;
use std::process::Command;

use broker_core::name::KeyVersion;
use broker_core::port::{CommitError, Store};
use broker_core::refusal::Refusal;
use broker_store_sqlite::{Options, SqliteStore};

use crate::sample::*;

/// A small file system of its own, taken away at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ended = Command::new("umount").arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_commits_loses_none_and_serves_again_when_there_is_room() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(place.directory.path().join("small")) else {
        eprintln!("skipped: this user may not mount a file system to fill");
        return;
    };
    let (path, ballast) = (disk.0.join("broker.db"), disk.0.join("ballast"));
    std::fs::write(&ballast, vec![1; 512 << 10]).unwrap();
    let store = SqliteStore::create(&path, &place.root, Options { cache_bytes_max: 16 << 10 }).unwrap();
    let key = key("vault-a", "key-a");
    let opaque = |number: u8| vec![number; 60_000];
    let mut kept = 0;
    let failure = loop {
        match store.commit(vec![put_material(&key, kept, &material(&opaque(kept)))]).await {
            Ok(()) => kept += 1,
            Err(CommitError::Failed(failure)) => break failure,
            Err(CommitError::Stale) => panic!("nothing here has a revision"),
        }
    };
    assert_eq!(failure.refusal, Refusal::StoreUnavailable);
    assert!(failure.cause.unwrap().contains("full"));
    assert!(kept > 3, "{kept}");

    // Everything that was acknowledged is still served, and what failed is not.
    let check = async |store: &SqliteStore, count: u8| {
        for number in 0..count {
            let read = store.material(&key.vault, &key.name, KeyVersion([number; 16])).await.unwrap();
            assert_eq!(read.opaque, opaque(number));
        }
        assert!(store.material(&key.vault, &key.name, KeyVersion([count; 16])).await.is_err());
        assert_eq!(store.stats().counts.materials, u64::from(count));
    };
    check(&store, kept).await;
    std::fs::remove_file(&ballast).unwrap();
    store.commit(vec![put_material(&key, kept, &material(&opaque(kept)))]).await.unwrap();
    check(&store, kept + 1).await;
    drop(store);
    let store = SqliteStore::open(&path, &place.root, Options::default()).unwrap();
    check(&store, kept + 1).await;
}
