//! The same operations as a worker's, in a bare loop: no broker, no other process. What benchmarks compare with.

use std::path::Path;

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};

use crate::ask::AskError;
use crate::desk::{Desk, Trouble, passing};
use crate::order::{Order, PinSource, Task, Which};

/// A session of this very process: it needs the module's environment, and loads a stranger's C.
pub struct Bare {
    desk: Desk,
}

/// A key to unwrap with: its handle and whether it is RSA.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    handle: ObjectHandle,
    rsa: bool,
}

fn trouble(trouble: Trouble) -> AskError {
    AskError::Module(trouble.answer().to_string())
}

impl Bare {
    /// Loads the module and logs in.
    ///
    /// # Errors
    /// What stood in the way.
    pub fn open(module: &Path, which: Which, pin: PinSource) -> Result<Self, AskError> {
        let order = Order { module: module.into(), which, pin, task: Task::Facts };
        Ok(Self { desk: Desk::open(&order).map_err(trouble)? })
    }

    /// The RSA private key, or the AES key, of that CKA_LABEL.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn key(&self, label: &str) -> Result<Key, AskError> {
        for (class, rsa) in [(ObjectClass::PRIVATE_KEY, true), (ObjectClass::SECRET_KEY, false)] {
            let template =
                [Attribute::Token(true), Attribute::Class(class), Attribute::Label(label.as_bytes().to_vec())];
            if let [handle] = self.desk.session.find_objects(&template).map_err(|error| trouble(error.into()))?[..] {
                return Ok(Key { handle, rsa });
            }
        }
        Err(AskError::Module(format!("no key of label {label}")))
    }

    /// Unwraps by RSA-OAEP with SHA-1, or by AES-KW into an object that is read and destroyed.
    ///
    /// # Errors
    /// What the token refuses.
    pub fn unwrap(&self, key: Key, value: &[u8]) -> Result<Vec<u8>, AskError> {
        self.try_unwrap(key, value).map_err(|error| trouble(error.into()))
    }

    fn try_unwrap(&self, key: Key, value: &[u8]) -> Result<Vec<u8>, cryptoki::error::Error> {
        let session = &self.desk.session;
        if key.rsa {
            let oaep = PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
            return session.decrypt(&Mechanism::RsaPkcsOaep(oaep), key.handle, value);
        }
        let template = [vec![Attribute::KeyType(KeyType::GENERIC_SECRET)], passing()].concat();
        let template: Vec<_> = template.into_iter().filter(|one| !matches!(one, Attribute::Private(_))).collect();
        let object = session.unwrap_key(&Mechanism::AesKeyWrap, key.handle, value, &template)?;
        let mut attributes = session.get_attributes(object, &[AttributeType::Value])?;
        session.destroy_object(object)?;
        match attributes.pop() {
            Some(Attribute::Value(value)) => Ok(value),
            _ => Ok(Vec::new()),
        }
    }

    /// Makes so many AES keys in the token, for it to hold more than one's own.
    ///
    /// # Errors
    /// It is full.
    pub fn fill(&self, objects: u32) -> Result<(), AskError> {
        for number in 0..objects {
            let id = Attribute::Id([&b"filling "[..], &number.to_be_bytes()].concat());
            let template = [Attribute::Token(true), id, Attribute::ValueLen(32.into())];
            let made = self.desk.session.generate_key(&Mechanism::AesKeyGen, &template);
            made.map_err(|error| trouble(error.into()))?;
        }
        Ok(())
    }
}
