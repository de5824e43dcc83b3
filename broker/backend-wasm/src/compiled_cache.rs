//! Compiled components on disk, so that a start need not compile again. A file is run only if its MAC is ours.

use std::fs::{self, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use broker_core::name::BackendName;
use broker_crypto::digest::sha256;
use broker_crypto::mac::{MacKey, TAG_BYTES};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digits::hex;
use crate::file::read_at_most;
use crate::load_compiled::load_compiled;

/// What stands before the code in a file.
pub const MAC_BYTES: usize = TAG_BYTES;
/// Largest file that is read: compiled code is a few times larger than the component.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// The file name of one plugin's component as compiled by one engine: 64 hexadecimal digits.
pub struct CompiledName(String);

impl CompiledName {
    pub fn of(engine: &Engine, plugin: &BackendName, component: &[u8; 32]) -> Self {
        let mut name = Collected(b"keybroker compiled component 1".to_vec());
        plugin.as_str().hash(&mut name);
        name.write(component);
        // wasmtime's version, the target, and every setting that the code depends on.
        engine.precompile_compatibility_hash().hash(&mut name);
        Self(hex(&sha256(&name.0)))
    }

    /// What the MAC is over: the name, which has a fixed length, and the code.
    pub fn bound_to(&self, code: &[u8]) -> Vec<u8> {
        [self.0.as_bytes(), code].concat()
    }
}

/// Takes what is hashed as it is, for a hash that cannot be collided.
struct Collected(Vec<u8>);

impl Hasher for Collected {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// A folder of compiled components, which needs no protection from writers: what we did not write is not run.
pub struct CompiledCache {
    pub folder: PathBuf,
    pub mac: MacKey,
}

impl CompiledCache {
    /// The component, from the folder if an intact file of ours is there.
    pub fn find(&self, engine: &Engine, name: &CompiledName) -> Option<Component> {
        let path = self.folder.join(&name.0);
        let file = match read_at_most(&path, FILE_BYTES_MAX) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be read; compiling it again");
                return None;
            }
        };
        let found = load_compiled(engine, &self.mac, name, &file);
        if found.is_none() {
            tracing::warn!(path = %path.display(), "compiled plugin is not as this broker wrote it; compiling it again");
        }
        found
    }

    /// Writes the component to the folder, which is made if need be, in one step: half a file is never seen.
    ///
    /// # Errors
    /// wasmtime cannot serialise it, or the folder takes no file.
    pub fn keep(&self, name: &CompiledName, component: &Component) -> wasmtime::Result<()> {
        let code = component.serialize()?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let unfinished = self.folder.join(format!("{}.{}.unfinished", name.0, std::process::id()));
        let written =
            self.write(&unfinished, name, &code).and_then(|()| fs::rename(&unfinished, self.folder.join(&name.0)));
        if written.is_err() {
            // Whatever is left of it is never read; failing to remove it changes nothing.
            let _ = fs::remove_file(&unfinished);
        }
        Ok(written?)
    }

    fn write(&self, path: &Path, name: &CompiledName, code: &[u8]) -> io::Result<()> {
        // One left over from a process with our number that died: not opened, but made anew.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&self.mac.tag(&name.bound_to(code)))?;
        file.write_all(code)
    }
}
