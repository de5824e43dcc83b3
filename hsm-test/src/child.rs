//! The child: does what it is told, in the process that may not survive it.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::desk::{Desk, Trouble, find, load, pin};
use crate::order::{Order, Task};
use crate::question;
use crate::report::{Answer, Facts};

/// CKA_ID of the key that must survive.
const PLANTED: &[u8] = b"hsm-test planted";
const PLANTED_BYTES: [u8; 32] = [0x5e; 32];

/// Pairs that are made, should nobody come to kill the child.
const PAIRS_MAX: u32 = 1_000;

/// What a child says, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    Answer(Answer),
    /// What is asked for begins now.
    Beginning,
    Done,
    Facts(Box<Facts>),
    /// Objects of the token, and those among them that cannot be read or have lost their other half.
    Inspected {
        objects: usize,
        broken: usize,
    },
    Trouble(String),
}

/// The whole life of a child. The caller's process becomes it: an order comes on standard input, answers go to standard
/// output.
#[must_use]
pub fn answer() -> ExitCode {
    let mut line = String::new();
    let order = std::io::stdin().lock().read_line(&mut line).ok().and_then(|_| serde_json::from_str(&line).ok());
    let Some(order) = order else { return ExitCode::FAILURE };
    let said = carry_out(&order).unwrap_or_else(|trouble| match trouble.answer() {
        Answer::NotAsked { why } => Said::Trouble(why),
        other => Said::Trouble(other.to_string()),
    });
    say(&said);
    ExitCode::SUCCESS
}

/// The parent being gone leaves nobody to tell.
fn say(said: &Said) {
    let mut stdout = std::io::stdout().lock();
    if let Ok(text) = serde_json::to_string(said) {
        let _gone = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }
}

fn carry_out(order: &Order) -> Result<Said, Trouble> {
    Ok(match &order.task {
        Task::Facts => Said::Facts(Box::new(facts(order)?)),
        Task::Initialise { so_pin, label } => initialise(order, so_pin, label).map(|()| Said::Done)?,
        Task::Inspect => inspect(&Desk::open(order)?)?,
        Task::KeepGenerating { file_bytes_max } => {
            let desk = Desk::open(order)?;
            limit_files(*file_bytes_max)?;
            // One that is killed at a write is killed at its first, or at none.
            let pairs = if file_bytes_max.is_some() { 2 } else { PAIRS_MAX };
            keep_generating(&desk, pairs).map(|()| Said::Done)?
        }
        Task::LogIn { file_bytes_max } => {
            let module = load(order)?;
            let slot = find(&module, &order.which)?;
            let (session, pin) = (module.open_rw_session(slot)?, pin(&order.pin)?);
            say(&Said::Beginning);
            limit_files(Some(*file_bytes_max))?;
            session.login(UserType::User, Some(&pin))?;
            Said::Done
        }
        Task::Plant => plant(&Desk::open(order)?).map(|()| Said::Done)?,
        // Setting up failed: that is the answer to the question.
        Task::Question(name) => Said::Answer(match Desk::open(order) {
            Ok(desk) => question::ask(name, &desk),
            Err(trouble) => trouble.answer(),
        }),
    })
}

/// The system's own way to kill a process (SIGXFSZ) at a write, and at no other moment. Pipes are not limited.
fn limit_files(bytes_max: Option<u64>) -> Result<(), Trouble> {
    let limit = Rlimit { current: bytes_max, maximum: bytes_max };
    setrlimit(Resource::Fsize, limit).map_err(|error| Trouble::Before(format!("limiting files: {error}")))
}

fn facts(order: &Order) -> Result<Facts, Trouble> {
    let module = load(order)?;
    let (slot, library) = (find(&module, &order.which)?, module.get_library_info()?);
    let token = module.get_token_info(slot)?;
    let mut mechanisms: Vec<String> = module.get_mechanism_list(slot)?.iter().map(MechanismType::to_string).collect();
    mechanisms.sort();
    let version = |version: cryptoki::types::Version| format!("{}.{}", version.major(), version.minor());
    Ok(Facts {
        manufacturer: token.manufacturer_id().to_owned(),
        model: token.model().to_owned(),
        firmware: version(token.firmware_version()),
        library: format!("{} {}", library.library_description(), version(library.library_version())),
        cryptoki: version(library.cryptoki_version()),
        mechanisms,
    })
}

/// Only where there is no token yet: nobody's is erased.
fn initialise(order: &Order, so_pin: &str, label: &str) -> Result<(), Trouble> {
    let module = load(order)?;
    let slots = module.get_slots_with_token()?;
    let empty = slots.into_iter().find(|slot| module.get_token_info(*slot).is_ok_and(|info| !info.token_initialized()));
    let Some(empty) = empty else {
        return Err(Trouble::Before("no slot is without a token: name one that may be asked".into()));
    };
    let so_pin = AuthPin::from(so_pin.to_owned());
    module.init_token(empty, &so_pin, label)?;
    // Some tokens move to another slot once they have a label.
    let session = module.open_rw_session(find(&module, &order.which)?)?;
    session.login(UserType::So, Some(&so_pin))?;
    session.init_pin(&pin(&order.pin)?)?;
    Ok(())
}

fn plant(desk: &Desk) -> Result<(), Trouble> {
    let kept = [Attribute::Token(true), Attribute::Id(PLANTED.to_vec())];
    desk.aes(&PLANTED_BYTES, &kept).map(drop)
}

fn keep_generating(desk: &Desk, pairs: u32) -> Result<(), Trouble> {
    say(&Said::Beginning);
    for number in 0..pairs {
        let id = Attribute::Id(number.to_be_bytes().to_vec());
        let public = [Attribute::Token(true), id.clone(), Attribute::ModulusBits(2048.into())];
        let private = [Attribute::Token(true), id, Attribute::Private(true), Attribute::Sensitive(true)];
        desk.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
    }
    Ok(())
}

fn inspect(desk: &Desk) -> Result<Said, Trouble> {
    let planted = desk.session.find_objects(&[Attribute::Token(true), Attribute::Id(PLANTED.to_vec())])?;
    let [planted] = planted[..] else { return Err(Trouble::Before("a key that was there before is gone".into())) };
    if desk.value(planted)?.as_deref() != Some(&PLANTED_BYTES[..]) {
        return Err(Trouble::Before("a key that was there before is another".into()));
    }
    let objects = desk.session.find_objects(&[Attribute::Token(true)])?;
    let mut whole = 1;
    for class in [ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY] {
        let other = if class == ObjectClass::PUBLIC_KEY { ObjectClass::PRIVATE_KEY } else { ObjectClass::PUBLIC_KEY };
        for object in desk.session.find_objects(&[Attribute::Token(true), Attribute::Class(class)])? {
            let found = desk.session.get_attributes(object, &[AttributeType::Id, AttributeType::Modulus]);
            if let Ok([Attribute::Id(id), Attribute::Modulus(_)]) = found.as_deref() {
                let half = [Attribute::Token(true), Attribute::Class(other), Attribute::Id(id.clone())];
                whole += usize::from(desk.session.find_objects(&half)?.len() == 1);
            }
        }
    }
    Ok(Said::Inspected { objects: objects.len(), broken: objects.len().saturating_sub(whole) })
}
