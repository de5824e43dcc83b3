//! Which token is asked: one that is there, or one made for the purpose in a folder of its own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::order::{PinSource, Which};

const LABEL: &str = "hsm-test";
/// Of a token that lives as long as the test and holds nothing.
const PIN: &str = "hsm-test-user";
const SO_PIN: &str = "hsm-test-officer";

/// The token that is asked.
pub enum Token {
    /// Made here and thrown away: questions that may destroy it are asked on copies.
    Fresh(FreshToken),
    /// Somebody's: it is only asked what leaves nothing behind.
    Given { which: Which, pin: PinSource },
}

/// A folder with what the software tokens we know need: SoftHSM 2's configuration and kryoptic's. Any other module that
/// finds its configuration through its environment can be given one the same way, by hand, and is then a given token.
pub struct FreshToken {
    folder: TempDir,
}

impl FreshToken {
    /// An empty slot; a token is made in it by [`crate::Asker::new`].
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("hsm-test-").tempdir()?;
        fs::create_dir(folder.path().join("tokens"))?;
        let token = Self { folder };
        token.configure()?;
        Ok(token)
    }

    /// The same token, as it is now, somewhere else.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copied(&self) -> io::Result<Self> {
        let copy = Self::new()?;
        copy_folder(&self.path("tokens"), &copy.path("tokens"))?;
        Ok(copy)
    }

    fn configure(&self) -> io::Result<()> {
        let tokens = self.path("tokens");
        let softhsm = "objectstore.backend = file\nlog.level = ERROR\n";
        fs::write(self.path("softhsm2.conf"), format!("directories.tokendir = {}\n{softhsm}", tokens.display()))?;
        let database = tokens.join("kryoptic.sql");
        let slot = format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = {:?}\n", database.display().to_string());
        fs::write(self.path("kryoptic.conf"), slot)?;
        fs::write(self.path("pin"), PIN)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a child needs in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        [("SOFTHSM2_CONF", "softhsm2.conf"), ("KRYOPTIC_CONF", "kryoptic.conf")]
            .map(|(variable, file)| (variable.into(), self.path(file).into()))
            .into()
    }

    pub(crate) fn which() -> Which {
        Which::Label(LABEL.into())
    }

    pub(crate) fn label() -> String {
        LABEL.into()
    }

    pub(crate) fn so_pin() -> String {
        SO_PIN.into()
    }

    pub(crate) fn pin(&self) -> PinSource {
        PinSource::File(self.path("pin"))
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
