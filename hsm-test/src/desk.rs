//! A module loaded, a token found, a session logged in: what a child works with.

use std::fs;

use broker_core::algorithm::{KeySpec, PublicKey};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::order::{Order, PinSource, Which};
use crate::report::Answer;

/// Why a question has no better answer.
#[derive(Debug)]
pub enum Trouble {
    /// What was asked was refused.
    Asked(Error),
    /// What had to be there first was refused.
    Before(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Asked(error)
    }
}

impl Trouble {
    pub fn before(what: &str, error: &Error) -> Self {
        Self::Before(format!("{what}: {}", code(error)))
    }

    pub fn answer(self) -> Answer {
        match self {
            Self::Asked(error) => Answer::Refuses { code: code(&error) },
            Self::Before(why) => Answer::NotAsked { why },
        }
    }
}

/// The function and the CK_RV, by their names in the standard's headers.
pub fn code(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} {code:?}"),
        other => other.to_string(),
    }
}

/// One session in one process.
pub struct Desk {
    pub module: Pkcs11,
    pub slot: Slot,
    pub session: Session,
}

impl Desk {
    /// Loads the module, finds the token, logs in.
    ///
    /// # Errors
    /// What stood in the way.
    pub fn open(order: &Order) -> Result<Self, Trouble> {
        let module = load(order)?;
        let slot = find(&module, &order.which)?;
        let session = module.open_rw_session(slot).map_err(|error| Trouble::before("a session", &error))?;
        let login = session.login(UserType::User, Some(&pin(&order.pin)?));
        login.map_err(|error| Trouble::before("logging in", &error))?;
        Ok(Self { module, slot, session })
    }

    /// Another session; the login is of the whole process.
    ///
    /// # Errors
    /// The token has no more.
    pub fn another(&self) -> Result<Session, Error> {
        self.module.open_rw_session(self.slot)
    }

    /// An AES key of these bytes, for the length of the session.
    ///
    /// # Errors
    /// Many hardware tokens let no key in: `Before`.
    pub fn aes(&self, bytes: &[u8], more: &[Attribute]) -> Result<ObjectHandle, Trouble> {
        self.secret(KeyType::AES, bytes, more)
    }

    /// A secret that may come out again.
    ///
    /// # Errors
    /// The same.
    pub fn generic(&self, bytes: &[u8]) -> Result<ObjectHandle, Trouble> {
        self.secret(KeyType::GENERIC_SECRET, bytes, &[])
    }

    fn secret(&self, kind: KeyType, bytes: &[u8], more: &[Attribute]) -> Result<ObjectHandle, Trouble> {
        let mut template = vec![Attribute::KeyType(kind), Attribute::Value(bytes.to_vec())];
        template.extend(passing());
        let mut template: Vec<_> = template.into_iter().filter(|ours| !overridden(ours, more)).collect();
        template.extend_from_slice(more);
        self.session.create_object(&template).map_err(|error| Trouble::before("putting a key in", &error))
    }

    /// A fresh pair: public, private.
    ///
    /// # Errors
    /// `Before`.
    pub fn rsa(&self, bits: u64, private: &[Attribute]) -> Result<(ObjectHandle, ObjectHandle), Trouble> {
        let public = [
            Attribute::Token(false),
            Attribute::ModulusBits(bits.into()),
            Attribute::PublicExponent(vec![1, 0, 1]),
            Attribute::Encrypt(true),
            Attribute::Verify(true),
            Attribute::Wrap(true),
        ];
        let mut template = vec![
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Decrypt(true),
            Attribute::Sign(true),
            Attribute::Unwrap(true),
        ];
        template.retain(|ours| !overridden(ours, private));
        template.extend_from_slice(private);
        let pair = self.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &template);
        pair.map_err(|error| Trouble::before("making an RSA pair", &error))
    }

    /// # Errors
    /// `Before`.
    pub fn ec(&self, curve: &[u8]) -> Result<(ObjectHandle, ObjectHandle), Trouble> {
        let public = [Attribute::Token(false), Attribute::EcParams(curve.to_vec()), Attribute::Verify(true)];
        let private = [
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let pair = self.session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private);
        pair.map_err(|error| Trouble::before("making an EC pair", &error))
    }

    /// The modulus and exponent as the token shows them.
    ///
    /// # Errors
    /// `Before`.
    pub fn rsa_public(&self, public: ObjectHandle) -> Result<PublicKey, Trouble> {
        match &self.attributes(public, &[AttributeType::Modulus, AttributeType::PublicExponent])?[..] {
            [Attribute::Modulus(n), Attribute::PublicExponent(e)] => Ok(PublicKey::Rsa { n: n.clone(), e: e.clone() }),
            other => Err(Trouble::Before(format!("the public key shows {} attributes", other.len()))),
        }
    }

    /// The point as the token shows it: in an OCTET STRING, as the standard has it, or bare.
    ///
    /// # Errors
    /// `Before`.
    pub fn ec_public(&self, public: ObjectHandle, spec: KeySpec) -> Result<PublicKey, Trouble> {
        let length = spec.bits().div_ceil(8) as usize;
        match &self.attributes(public, &[AttributeType::EcPoint])?[..] {
            [Attribute::EcPoint(point)] if point.len() > 2 * length => {
                let (x, y) = point[point.len() - 2 * length..].split_at(length);
                Ok(PublicKey::Ec { x: x.to_vec(), y: y.to_vec() })
            }
            _ => Err(Trouble::Before("the public key shows no point".into())),
        }
    }

    fn attributes(&self, object: ObjectHandle, wanted: &[AttributeType]) -> Result<Vec<Attribute>, Trouble> {
        self.session.get_attributes(object, wanted).map_err(|error| Trouble::before("reading a public key", &error))
    }

    /// CKA_VALUE, if the token shows it.
    ///
    /// # Errors
    /// It does not.
    pub fn value(&self, object: ObjectHandle) -> Result<Option<Vec<u8>>, Error> {
        let attributes = self.session.get_attributes(object, &[AttributeType::Value])?;
        Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::Value(value) => Some(value),
            _ => None,
        }))
    }
}

/// A readable secret of this session.
pub fn passing() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ]
}

fn overridden(ours: &Attribute, by: &[Attribute]) -> bool {
    by.iter().any(|theirs| theirs.attribute_type() == ours.attribute_type())
}

/// # Errors
/// `Before`.
pub fn load(order: &Order) -> Result<Pkcs11, Trouble> {
    let module = Pkcs11::new(&order.module).map_err(|error| Trouble::Before(format!("loading the module: {error}")))?;
    let begun = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    begun.map_err(|error| Trouble::before("starting the module", &error))?;
    Ok(module)
}

/// # Errors
/// `Before`: there is none, or several.
pub fn find(module: &Pkcs11, which: &Which) -> Result<Slot, Trouble> {
    let slots = module.get_slots_with_token().map_err(|error| Trouble::before("listing slots", &error))?;
    let fits = |slot: &Slot| {
        let Ok(info) = module.get_token_info(*slot) else { return false };
        info.token_initialized()
            && match which {
                Which::Label(label) => info.label() == label,
                Which::Serial(serial) => info.serial_number() == serial,
                Which::Slot(number) => slot.id() == *number,
            }
    };
    let found: Vec<Slot> = slots.into_iter().filter(fits).collect();
    match found[..] {
        [slot] => Ok(slot),
        [] => Err(Trouble::Before(format!("no token with {which:?} is there"))),
        _ => Err(Trouble::Before(format!("{} tokens have {which:?}", found.len()))),
    }
}

/// # Errors
/// `Before`: it is not there.
pub fn pin(source: &PinSource) -> Result<AuthPin, Trouble> {
    let text = match source {
        PinSource::Environment(variable) => {
            std::env::var(variable).map_err(|error| Trouble::Before(format!("the PIN in {variable}: {error}")))?
        }
        PinSource::File(path) => fs::read_to_string(path)
            .map_err(|error| Trouble::Before(format!("PIN file {}: {error}", path.display())))?,
    };
    Ok(AuthPin::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}
