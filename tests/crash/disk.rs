//! A disk that is really full, and one that really cannot be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keybroker_tests::{Asks as _, Broker, Setup, eventually, unb64};
use serde_json::json;

const SECRET: &[u8] = b"thirty-two bytes of a data key..";

/// A small file system in the place of a broker's folder, taken away at the end.
struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// None when this user may not mount.
    fn under(broker: &Broker) -> Option<Self> {
        let (place, aside) = (broker.home(), broker.folder().join("aside"));
        fs::rename(&place, &aside).unwrap();
        fs::create_dir(&place).unwrap();
        let mounted = command("mount", &["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"], &place);
        let disk = mounted.then_some(Self { place: place.clone() });
        let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(&place).status().unwrap();
        assert!(copied.success());
        disk
    }

    fn make_read_only(&self, so: bool) {
        let words = if so { ["-o", "remount,ro"] } else { ["-o", "remount,rw"] };
        assert!(command("mount", &words, &self.place));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        command("umount", &["-l"], &self.place);
    }
}

fn command(program: &str, words: &[&str], place: &Path) -> bool {
    Command::new(program).args(words).arg(place).output().is_ok_and(|done| done.status.success())
}

#[test]
fn a_full_disk_is_answered_clearly_and_once_there_is_room_the_broker_serves_by_itself() {
    let mut broker = Setup::new().init();
    let Some(disk) = SmallDisk::under(&broker) else {
        eprintln!("skipped: this user may not mount a file system to fill; the shim's full disk is tried everywhere");
        return;
    };
    broker.serve();
    let admin = broker.admin();
    let path = admin.create("kept", "oct", 256);
    let value = unb64(&admin.wrap(&path, "A256KW", SECRET).with_status(200).json()["value"]);
    let ballast = disk.place.join("ballast");
    // As much as there is room for, to the last block.
    let filled = Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", ballast.display())).output();
    assert!(!filled.unwrap().status.success(), "the disk is full");
    // The blocks that files have already may take a few more lines and pages.
    let refused = eventually("a request that is refused for want of room", || {
        let answer = admin.post("/keys/kept/rotate", &json!({}));
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503, "{refused:?}");
    let said = ["No space left on device", "database or disk is full"];
    assert!(said.iter().any(|words| broker.log().contains(words)), "{}", broker.log());
    assert_eq!(broker.page("/healthz").0, 200, "it lives");
    fs::remove_file(&ballast).unwrap();
    eventually("a broker that serves again", || (broker.page("/readyz").0 == 200).then_some(()));
    admin.post("/keys/kept/rotate", &json!({})).with_status(200);
    let opens = |broker: &Broker| {
        let opened = broker.admin().unwrap(&path, "A256KW", &value).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET);
    };
    opens(&broker);
    broker.kill9();
    broker.serve();
    opens(&broker);
    let audit = broker.home().join("audit").display().to_string();
    assert!(broker.cli(&["audit", "verify", "--dir", &audit]).status.success());
    broker.stop();

    // The same disk, read-only: nothing is served, the reason is said, and nothing is changed.
    disk.make_read_only(true);
    let said = broker.try_serve().unwrap_err();
    assert!(said.contains("Read-only file system"), "{said}");
    disk.make_read_only(false);
    broker.serve();
    opens(&broker);
}
