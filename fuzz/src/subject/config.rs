//! A configuration file: what is taken is within every limit that the file may set, and what is refused names the file.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use super::folder;
use crate::bound::Allowance;
use crate::config::{Bounds, Config};

/// TOML's tables, and the two files that a web hook's section may name (1 MiB of CAs).
const ALLOWANCE: Allowance = Allowance { bytes: 2 << 20, each: 2048 };

static FILE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = folder();
    fs::write(folder.path().join("secret"), [7; 32]).expect("there is room");
    let file = folder.path().join("keybroker.toml");
    (folder, file)
});

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    let file = &FILE.1;
    fs::write(file, bytes).expect("there is room");
    match ALLOWANCE.hold(bytes.len(), || Config::read(file)) {
        Err(error) => assert!(format!("{error:#}").contains("keybroker.toml"), "{error:#}"),
        Ok(config) => within_limits(&config),
    }
}

fn within_limits(config: &Config) {
    let hour = Duration::from_secs(3600);
    assert!(config.backends.len() + config.hsms.len() > 0);
    assert!(config.connections_per_principal_max > 0 && config.clock_jump_s_max >= 60);
    assert!(config.store.cache_bytes_max >= 1 << 20 && config.store.cache_bytes_max <= 1 << 40);
    assert!(config.audit.segment_bytes_max >= 1 << 20 && config.audit.segment_bytes_max <= 4 << 30);
    assert!(config.audit.queue_entries_max > 0 && config.audit.checkpoint_entries_max > 0);
    for wait in [config.reload_check, config.scheduler_every, config.usage_keep_every, config.audit.wait_max] {
        assert!(!wait.is_zero() && wait <= hour, "{wait:?}");
    }
    let fronts = [
        config.ekm.as_ref().map(|front| &front.bounds),
        config.keyvault.as_ref().map(|front| &front.bounds),
        config.kmip.as_ref().map(|front| &front.bounds),
    ];
    for bounds in fronts.into_iter().flatten() {
        let Bounds { body_bytes_max, connections_max, handshake_max, idle_max, .. } = *bounds;
        assert!((1024..=64 << 20).contains(&body_bytes_max), "{bounds:?}");
        assert!(connections_max > 0 && !handshake_max.is_zero() && handshake_max <= Duration::from_secs(60));
        assert!(!idle_max.is_zero() && idle_max <= 24 * hour, "{bounds:?}");
    }
    for plugin in &config.backends {
        let limits = plugin.limits.limits();
        assert!(limits.memory_bytes_max <= 4 << 30 && limits.stack_bytes_max <= 8 << 20, "{limits:?}");
        assert!(limits.calls_max > 0 && limits.call_ms_max > 0, "{limits:?}");
    }
    let names = config.backends.iter().map(|plugin| &plugin.name).chain(config.hsms.iter().map(|hsm| &hsm.name));
    let mut names: Vec<_> = names.map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
}
