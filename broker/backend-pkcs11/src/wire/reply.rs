//! What a worker answers.

use broker_core::algorithm::PublicKey;
use broker_core::secret::Secret;

use super::FRAME_BYTES_MAX;
use super::code::{Decoder, Encoder, WireError};

const CAUSE_BYTES_MAX: usize = 256;
const NUMBER_BYTES_MAX: usize = 1024;
const MECHANISMS_MAX: usize = 64;

/// Why a call was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The token does not take these arguments.
    BadRequest,
    /// The token did not do what it said: a key that can leave it, an answer of the wrong size.
    Faulty,
    /// There is no object of that name.
    KeyMissing,
    /// The session is gone, and whether the call had an effect is not known. The next call gets a new session.
    SessionLost,
    /// The token is gone, or logging in again did not help; the worker ends itself.
    TokenLost,
    /// The value does not open under this key: one word for every cryptographic reason.
    Unwrappable,
    /// The token lacks the mechanism.
    Unsupported,
}

/// Why a worker does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyRefused {
    /// The module cannot be loaded, or what it was told makes no sense. Trying again does not help.
    Module,
    /// The PIN is wrong, locked or cannot be read. Trying again would lock the token.
    Pin,
    /// Anything that may pass: the token is not there, the device does not answer.
    Token,
}

const FAULTS: &[Fault] = &[
    Fault::BadRequest,
    Fault::Faulty,
    Fault::KeyMissing,
    Fault::SessionLost,
    Fault::TokenLost,
    Fault::Unwrappable,
    Fault::Unsupported,
];
const REFUSALS: &[WhyRefused] = &[WhyRefused::Module, WhyRefused::Pin, WhyRefused::Token];

/// What there is of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Absent,
    /// All of it, and it works.
    Complete(PublicKey),
    /// Objects that are no whole key, or one that does not work.
    Half,
}

/// A mechanism that the token has (CKM number), and the sizes of the keys it takes, as the token counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mechanism {
    pub kind: u64,
    pub bits_min: u64,
    pub bits_max: u64,
}

/// What a token says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Those that the broker knows what to do with.
    pub mechanisms: Vec<Mechanism>,
    pub manufacturer: String,
    pub model: String,
    pub serial: String,
}

#[derive(Debug)]
pub enum Reply {
    Bytes(Vec<u8>),
    Done,
    /// `cause` is for the log: at most 256 bytes, never a secret.
    Failed {
        fault: Fault,
        cause: String,
    },
    Found(Found),
    Generated(PublicKey),
    /// Unasked: logged in again; killing is safe.
    LoggedIn,
    /// Unasked: about to log in again; killing can destroy the token.
    LoggingIn,
    /// Logged in and serving.
    Ready(TokenFacts),
    /// Not serving, and at its end.
    Refused {
        why: WhyRefused,
        cause: String,
    },
    Secret(Secret),
}

impl Reply {
    /// A failure, with what the log should know of it.
    pub fn failed(fault: Fault, cause: impl std::fmt::Display) -> Self {
        Self::Failed { fault, cause: clipped(&cause.to_string()) }
    }

    /// A refusal to begin, with what the log should know of it.
    pub fn refused(why: WhyRefused, cause: impl std::fmt::Display) -> Self {
        Self::Refused { why, cause: clipped(&cause.to_string()) }
    }

    /// The frame, with its length in front.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn encode(&self, call: u64) -> Result<Secret, WireError> {
        let new = |tag, variable| Encoder::new(call, tag, variable);
        let mut frame;
        match self {
            Self::Bytes(bytes) => {
                frame = new(0, bytes.len());
                frame.bytes(bytes);
            }
            Self::Done => frame = new(1, 0),
            Self::Failed { fault, cause } => {
                frame = new(2, cause.len());
                frame.byte(*fault as u8);
                frame.bytes(cause.as_bytes());
            }
            Self::Found(found) => {
                frame = new(3, 2 * NUMBER_BYTES_MAX);
                match found {
                    Found::Absent => frame.byte(0),
                    Found::Complete(public) => {
                        frame.byte(1);
                        put_public(&mut frame, public);
                    }
                    Found::Half => frame.byte(2),
                }
            }
            Self::Generated(public) => {
                frame = new(4, 2 * NUMBER_BYTES_MAX);
                put_public(&mut frame, public);
            }
            Self::LoggedIn => frame = new(5, 0),
            Self::LoggingIn => frame = new(6, 0),
            Self::Ready(facts) => {
                frame = new(7, 24 * facts.mechanisms.len());
                facts.encode(&mut frame);
            }
            Self::Refused { why, cause } => {
                frame = new(8, cause.len());
                frame.byte(*why as u8);
                frame.bytes(cause.as_bytes());
            }
            Self::Secret(secret) => {
                frame = new(9, secret.len());
                frame.bytes(secret.expose());
            }
        }
        frame.finish()
    }

    /// The call's number and its answer, from a frame without its length.
    ///
    /// # Errors
    /// It is no reply.
    pub fn decode(payload: &[u8]) -> Result<(u64, Self), WireError> {
        let (call, tag, mut fields) = Decoder::new(payload)?;
        let reply = match tag {
            0 => Self::Bytes(fields.bytes(FRAME_BYTES_MAX)?.to_vec()),
            1 => Self::Done,
            2 => Self::Failed { fault: fields.one_of(FAULTS)?, cause: clipped(&fields.text(CAUSE_BYTES_MAX)?) },
            3 => Self::Found(match fields.byte()? {
                0 => Found::Absent,
                1 => Found::Complete(take_public(&mut fields)?),
                2 => Found::Half,
                _ => return Err(WireError::Invalid),
            }),
            4 => Self::Generated(take_public(&mut fields)?),
            5 => Self::LoggedIn,
            6 => Self::LoggingIn,
            7 => Self::Ready(TokenFacts::decode(&mut fields)?),
            8 => Self::Refused { why: fields.one_of(REFUSALS)?, cause: clipped(&fields.text(CAUSE_BYTES_MAX)?) },
            9 => Self::Secret(Secret::copied_from(fields.bytes(FRAME_BYTES_MAX)?)),
            _ => return Err(WireError::Invalid),
        };
        fields.finish()?;
        Ok((call, reply))
    }
}

impl TokenFacts {
    fn encode(&self, frame: &mut Encoder) {
        for text in [&self.manufacturer, &self.model, &self.serial] {
            frame.bytes(clipped(text).as_bytes());
        }
        let mechanisms = &self.mechanisms[..self.mechanisms.len().min(MECHANISMS_MAX)];
        frame.number(mechanisms.len() as u64);
        for mechanism in mechanisms {
            frame.number(mechanism.kind);
            frame.number(mechanism.bits_min);
            frame.number(mechanism.bits_max);
        }
    }

    fn decode(fields: &mut Decoder<'_>) -> Result<Self, WireError> {
        let mut text = || fields.text(CAUSE_BYTES_MAX).map(|text| clipped(&text));
        let (manufacturer, model, serial) = (text()?, text()?, text()?);
        let count = fields.number()?;
        if count > MECHANISMS_MAX as u64 {
            return Err(WireError::TooLong);
        }
        let mechanisms = (0..count)
            .map(|_| Ok(Mechanism { kind: fields.number()?, bits_min: fields.number()?, bits_max: fields.number()? }))
            .collect::<Result<_, WireError>>()?;
        Ok(Self { mechanisms, manufacturer, model, serial })
    }
}

fn put_public(frame: &mut Encoder, public: &PublicKey) {
    match public {
        PublicKey::Ec { x, y } => {
            frame.byte(0);
            frame.bytes(x);
            frame.bytes(y);
        }
        PublicKey::None => frame.byte(1),
        PublicKey::Rsa { n, e } => {
            frame.byte(2);
            frame.bytes(n);
            frame.bytes(e);
        }
    }
}

fn take_public(fields: &mut Decoder<'_>) -> Result<PublicKey, WireError> {
    let number = |fields: &mut Decoder<'_>| fields.bytes(NUMBER_BYTES_MAX).map(<[u8]>::to_vec);
    match fields.byte()? {
        0 => Ok(PublicKey::Ec { x: number(fields)?, y: number(fields)? }),
        1 => Ok(PublicKey::None),
        2 => Ok(PublicKey::Rsa { n: number(fields)?, e: number(fields)? }),
        _ => Err(WireError::Invalid),
    }
}

/// One printable line of at most 256 bytes: a module chooses some of these words.
fn clipped(text: &str) -> String {
    let mut line = String::with_capacity(CAUSE_BYTES_MAX);
    for character in text.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if line.len() + character.len_utf8() > CAUSE_BYTES_MAX {
            break;
        }
        line.push(character);
    }
    line
}
