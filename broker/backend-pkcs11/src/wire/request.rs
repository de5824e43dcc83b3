//! What the broker asks of a worker.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm};
use broker_core::secret::Secret;

use super::FRAME_BYTES_MAX;
use super::code::{Decoder, Encoder, WireError};
use crate::spec::{PinSource, Sandbox, TokenName};

const PATH_BYTES_MAX: usize = 4096;
const TEXT_BYTES_MAX: usize = 256;
const DIGEST_BYTES_MAX: usize = 512;

/// Where a key lies in a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// CKA_ID.
    pub id: [u8; 16],
    /// CKA_LABEL, at most 256 bytes.
    pub label: String,
}

/// What a worker must know to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    pub module: PathBuf,
    pub token: TokenName,
    pub pin: PinSource,
    pub sandbox: Sandbox,
    pub sessions: u8,
    pub lock_file: PathBuf,
    pub raw_rsa: bool,
    pub login_ms_max: u64,
}

#[derive(Debug)]
pub enum Request {
    /// The first, once. Answered by `Ready` or `Refused`.
    Begin(Box<Begin>),
    /// All objects of this name. Answered by `Done`.
    Destroy { key: ObjectName },
    /// What became of a generation that was cut off. Answered by `Found`.
    Find { key: ObjectName, spec: KeySpec },
    /// Answered by `Generated`.
    Generate { key: ObjectName, spec: KeySpec },
    /// Is the session alive? Answered by `Done`.
    Ping,
    /// Answered by `Bytes`.
    Sign { key: ObjectName, spec: KeySpec, algorithm: SignAlgorithm, digest: Vec<u8> },
    /// Answered by `Secret`.
    Unwrap { key: ObjectName, spec: KeySpec, algorithm: WrapAlgorithm, value: Vec<u8> },
    /// Answered by `Bytes`.
    Wrap { key: ObjectName, spec: KeySpec, algorithm: WrapAlgorithm, secret: Secret },
}

impl Request {
    /// The frame, with its length in front.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn encode(&self, call: u64) -> Result<Secret, WireError> {
        match self {
            Self::Begin(begin) => begin.encode(call),
            Self::Destroy { key } => about(call, 1, key, 0).finish(),
            Self::Find { key, spec } => {
                let mut frame = about(call, 2, key, 0);
                frame.byte(*spec as u8);
                frame.finish()
            }
            Self::Generate { key, spec } => {
                let mut frame = about(call, 3, key, 0);
                frame.byte(*spec as u8);
                frame.finish()
            }
            Self::Ping => Encoder::new(call, 4, 0).finish(),
            Self::Sign { key, spec, algorithm, digest } => {
                with_input(call, 5, key, (*spec as u8, *algorithm as u8), digest)
            }
            Self::Unwrap { key, spec, algorithm, value } => {
                with_input(call, 6, key, (*spec as u8, *algorithm as u8), value)
            }
            Self::Wrap { key, spec, algorithm, secret } => {
                with_input(call, 7, key, (*spec as u8, *algorithm as u8), secret.expose())
            }
        }
    }

    /// The call's number and what is asked, from a frame without its length.
    ///
    /// # Errors
    /// It is no request.
    pub fn decode(payload: &[u8]) -> Result<(u64, Self), WireError> {
        let (call, tag, mut fields) = Decoder::new(payload)?;
        let request = match tag {
            0 => Self::Begin(Box::new(Begin::decode(&mut fields)?)),
            1 => Self::Destroy { key: name(&mut fields)? },
            2 => Self::Find { key: name(&mut fields)?, spec: fields.one_of(KeySpec::ALL)? },
            3 => Self::Generate { key: name(&mut fields)?, spec: fields.one_of(KeySpec::ALL)? },
            4 => Self::Ping,
            5 => Self::Sign {
                key: name(&mut fields)?,
                spec: fields.one_of(KeySpec::ALL)?,
                algorithm: fields.one_of(SignAlgorithm::ALL)?,
                digest: fields.bytes(DIGEST_BYTES_MAX)?.to_vec(),
            },
            6 => Self::Unwrap {
                key: name(&mut fields)?,
                spec: fields.one_of(KeySpec::ALL)?,
                algorithm: fields.one_of(WrapAlgorithm::ALL)?,
                value: fields.bytes(FRAME_BYTES_MAX)?.to_vec(),
            },
            7 => Self::Wrap {
                key: name(&mut fields)?,
                spec: fields.one_of(KeySpec::ALL)?,
                algorithm: fields.one_of(WrapAlgorithm::ALL)?,
                secret: Secret::copied_from(fields.bytes(FRAME_BYTES_MAX)?),
            },
            _ => return Err(WireError::Invalid),
        };
        fields.finish()?;
        Ok((call, request))
    }
}

fn about(call: u64, tag: u8, key: &ObjectName, more: usize) -> Encoder {
    let mut frame = Encoder::new(call, tag, key.label.len() + more);
    frame.array(&key.id);
    frame.bytes(key.label.as_bytes());
    frame
}

fn with_input(
    call: u64,
    tag: u8,
    key: &ObjectName,
    (spec, algorithm): (u8, u8),
    input: &[u8],
) -> Result<Secret, WireError> {
    let mut frame = about(call, tag, key, input.len());
    frame.byte(spec);
    frame.byte(algorithm);
    frame.bytes(input);
    frame.finish()
}

fn name(fields: &mut Decoder<'_>) -> Result<ObjectName, WireError> {
    Ok(ObjectName { id: fields.array()?, label: fields.text(TEXT_BYTES_MAX)? })
}

impl Begin {
    fn encode(&self, call: u64) -> Result<Secret, WireError> {
        let mut frame = Encoder::new(call, 0, 3 * PATH_BYTES_MAX);
        frame.bytes(self.module.as_os_str().as_bytes());
        let (tag, text) = match &self.token {
            TokenName::Label(label) => (0, label),
            TokenName::Serial(serial) => (1, serial),
        };
        frame.byte(tag);
        frame.bytes(text.as_bytes());
        match &self.pin {
            PinSource::Environment(variable) => {
                frame.byte(0);
                frame.bytes(variable.as_bytes());
            }
            PinSource::File(path) => {
                frame.byte(1);
                frame.bytes(path.as_os_str().as_bytes());
            }
        }
        frame.byte(u8::from(self.sandbox == Sandbox::Seccomp));
        frame.byte(self.sessions);
        frame.bytes(self.lock_file.as_os_str().as_bytes());
        frame.byte(u8::from(self.raw_rsa));
        frame.number(self.login_ms_max);
        frame.finish()
    }

    fn decode(fields: &mut Decoder<'_>) -> Result<Self, WireError> {
        Ok(Self {
            module: path(fields)?,
            token: match fields.byte()? {
                0 => TokenName::Label(fields.text(TEXT_BYTES_MAX)?),
                1 => TokenName::Serial(fields.text(TEXT_BYTES_MAX)?),
                _ => return Err(WireError::Invalid),
            },
            pin: match fields.byte()? {
                0 => PinSource::Environment(fields.text(TEXT_BYTES_MAX)?),
                1 => PinSource::File(path(fields)?),
                _ => return Err(WireError::Invalid),
            },
            sandbox: if fields.flag()? { Sandbox::Seccomp } else { Sandbox::None },
            sessions: fields.byte()?,
            lock_file: path(fields)?,
            raw_rsa: fields.flag()?,
            login_ms_max: fields.number()?,
        })
    }
}

fn path(fields: &mut Decoder<'_>) -> Result<PathBuf, WireError> {
    Ok(OsString::from_vec(fields.bytes(PATH_BYTES_MAX)?.to_vec()).into())
}
