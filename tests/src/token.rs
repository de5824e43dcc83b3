//! A fresh token of SoftHSM, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A token with its PIN file and its module's configuration. Dropped, it is gone.
pub struct SoftToken(TempDir);

impl SoftToken {
    pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    pub const LABEL: &str = "kb";
    pub const PIN: &str = "tulip-4711";

    /// # Panics
    /// SoftHSM is not installed; `./dev setup` installs it.
    #[must_use]
    pub fn new() -> Self {
        let token = Self(TempDir::new().unwrap());
        fs::create_dir(token.at("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            token.at("tokens").display()
        );
        fs::write(token.at("softhsm2.conf"), text).unwrap();
        fs::write(token.at("pin"), format!("{}\n", Self::PIN)).unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", Self::LABEL, "--pin", Self::PIN, "--so-pin", "so-tulip-4711"])
            .env("SOFTHSM2_CONF", token.at("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is Debian's softhsm2; ./dev setup installs it");
        assert!(made.status.success(), "{made:?}");
        token
    }

    /// A file beside the token: `softhsm2.conf`, `pin`, or the test's own.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The token dies: all its objects are gone.
    ///
    /// # Panics
    /// Its folder cannot be emptied.
    pub fn die(&self) {
        fs::remove_dir_all(self.at("tokens")).unwrap();
        fs::create_dir(self.at("tokens")).unwrap();
    }
}

impl Default for SoftToken {
    fn default() -> Self {
        Self::new()
    }
}
