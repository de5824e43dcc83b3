//! What the broker and a worker say to each other, as bytes: frames of `length (4) | call (8) | tag (1) | fields`, each a
//! message of its own.
//!
//! Numbers are big-endian. Neither side trusts the other: a module gone wild may have written the worker's bytes. Every
//! list has a bound and nothing may follow the last field.

mod code;
mod reply;
mod request;

pub use code::WireError;
pub use reply::{Fault, Found, Mechanism, Reply, TokenFacts, WhyRefused};
pub use request::{Begin, ObjectName, Request};

/// Longest frame without its length, in bytes: the largest secret (64 KiB) wrapped, and a good deal over.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Size of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;
/// Longest message: a frame with its length.
pub const MESSAGE_BYTES_MAX: usize = LENGTH_BYTES + FRAME_BYTES_MAX;
/// The call number of what a worker says unasked.
pub const UNASKED: u64 = 0;

/// How many bytes follow a frame's length.
///
/// # Errors
/// More than [`FRAME_BYTES_MAX`].
pub fn frame_bytes(length: [u8; LENGTH_BYTES]) -> Result<usize, WireError> {
    let length = u32::from_be_bytes(length) as usize;
    if length <= FRAME_BYTES_MAX { Ok(length) } else { Err(WireError::TooLong) }
}

/// The frame without its length that a message is.
///
/// # Errors
/// The message is longer or shorter than it says, or says more than [`FRAME_BYTES_MAX`].
pub fn frame_of(message: &[u8]) -> Result<&[u8], WireError> {
    let (length, frame) = message.split_first_chunk().ok_or(WireError::Invalid)?;
    if frame_bytes(*length)? == frame.len() { Ok(frame) } else { Err(WireError::Invalid) }
}

#[cfg(test)]
mod tests {
    use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
    use broker_core::secret::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{PinSource, TokenName};

    fn name() -> ObjectName {
        ObjectName { id: [7; 16], label: "vault1/key/07".into() }
    }

    fn requests() -> Vec<Request> {
        let begin = |token, pin| {
            Request::Begin(Box::new(Begin {
                module: "/usr/lib/module.so".into(),
                token,
                pin,
                sandbox: crate::spec::Sandbox::Seccomp,
                sessions: 8,
                lock_file: "/run/lock/x".into(),
                raw_rsa: true,
                login_ms_max: 30_000,
            }))
        };
        let value = || vec![9; 300];
        vec![
            begin(TokenName::Label("kb".into()), PinSource::File("/etc/pin".into())),
            begin(TokenName::Serial("0815".into()), PinSource::Environment("PIN".into())),
            Request::Destroy { key: name() },
            Request::Find { key: name(), spec: KeySpec::EcP384 },
            Request::Generate { key: name(), spec: KeySpec::Rsa4096 },
            Request::Ping,
            Request::Sign { key: name(), spec: KeySpec::EcP256, algorithm: SignAlgorithm::Es256, digest: value() },
            Request::Unwrap { key: name(), spec: KeySpec::Oct256, algorithm: WrapAlgorithm::A256Kw, value: value() },
            Request::Wrap {
                key: name(),
                spec: KeySpec::Oct256,
                algorithm: WrapAlgorithm::A256Kw,
                secret: Secret::new(value()),
            },
        ]
    }

    fn replies() -> Vec<Reply> {
        let facts = TokenFacts {
            mechanisms: vec![Mechanism { kind: 1, bits_min: 2, bits_max: u64::MAX }],
            manufacturer: "m".into(),
            model: "SoftHSM v2".into(),
            serial: "1".into(),
        };
        let public = |public| Reply::Generated(public);
        vec![
            Reply::Bytes(vec![1, 2, 3]),
            Reply::Done,
            Reply::Failed { fault: Fault::TokenLost, cause: "CKR_DEVICE_REMOVED".into() },
            Reply::Found(Found::Absent),
            Reply::Found(Found::Complete(PublicKey::None)),
            Reply::Found(Found::Half),
            public(PublicKey::Rsa { n: vec![5; 512], e: vec![1, 0, 1] }),
            public(PublicKey::Ec { x: vec![1; 66], y: vec![2; 66] }),
            Reply::LoggedIn,
            Reply::LoggingIn,
            Reply::Ready(facts),
            Reply::Refused { why: WhyRefused::Pin, cause: "CKR_PIN_INCORRECT".into() },
            Reply::Secret(Secret::new(vec![4; 65_536])),
        ]
    }

    fn payload(frame: &Secret) -> &[u8] {
        frame_of(frame.expose()).unwrap()
    }

    #[test]
    fn every_message_comes_back_as_it_was_and_not_with_a_byte_less_or_more() {
        for request in requests() {
            let frame = request.encode(77).unwrap();
            let (call, back) = Request::decode(payload(&frame)).unwrap();
            assert_eq!(call, 77);
            assert_eq!(back.encode(77).unwrap().expose(), frame.expose(), "{request:?}");
            check_lengths(payload(&frame), |bytes| Request::decode(bytes).is_ok());
        }
        for reply in replies() {
            let frame = reply.encode(78).unwrap();
            let (call, back) = Reply::decode(payload(&frame)).unwrap();
            assert_eq!(call, 78);
            assert_eq!(back.encode(78).unwrap().expose(), frame.expose(), "{reply:?}");
            check_lengths(payload(&frame), |bytes| Reply::decode(bytes).is_ok());
        }
    }

    fn check_lengths(payload: &[u8], decodes: impl Fn(&[u8]) -> bool) {
        for shorter in (0..payload.len()).rev().take(600) {
            assert!(!decodes(&payload[..shorter]), "{shorter} of {}", payload.len());
        }
        assert!(!decodes(&[payload, &[0]].concat()), "one more");
    }

    #[test]
    fn a_frame_over_the_limit_is_neither_written_nor_announced() {
        let algorithm = WrapAlgorithm::A256Kw;
        let large = Request::Unwrap { key: name(), spec: KeySpec::Oct256, algorithm, value: vec![0; FRAME_BYTES_MAX] };
        assert_eq!(large.encode(1).err(), Some(WireError::TooLong));
        assert_eq!(frame_bytes((FRAME_BYTES_MAX as u32 + 1).to_be_bytes()), Err(WireError::TooLong));
        assert_eq!(frame_bytes([0xff; 4]), Err(WireError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::decode(&bytes);
            let _ = Reply::decode(&bytes);
        }

        #[test]
        fn a_changed_byte_is_refused_or_means_what_it_says(which in 0_usize..9, at in any::<prop::sample::Index>(), byte: u8) {
            let frame = requests().swap_remove(which).encode(1).unwrap();
            let mut payload = payload(&frame).to_vec();
            let at = at.index(payload.len());
            payload[at] = byte;
            if let Ok((call, request)) = Request::decode(&payload) {
                let again = request.encode(call).unwrap();
                prop_assert_eq!(&again.expose()[LENGTH_BYTES..], &payload[..]);
            }
        }
    }
}
