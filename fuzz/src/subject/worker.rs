//! What the broker and an HSM's worker say to each other: a frame that is taken is the one way to say what it says.

use broker_backend_pkcs11::wire::{FRAME_BYTES_MAX, Reply, Request, frame_bytes, frame_of};
use broker_core::secret::Secret;

use super::question;
use crate::bound::Allowance;

/// A request's longest path, and the room that a frame begins with.
const ALLOWANCE: Allowance = Allowance { bytes: 64 << 10, each: 8 };

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    match question(bytes, 3) {
        Some((0, payload)) => ALLOWANCE.hold(payload.len(), || {
            let Ok((call, request)) = Request::decode(payload) else { return };
            let again = request.encode(call).expect("what fitted into a frame fits into one");
            assert_eq!(payload_of(&again), payload, "{request:?}");
        }),
        Some((1, payload)) => ALLOWANCE.hold(payload.len(), || {
            let Ok((call, reply)) = Reply::decode(payload) else { return };
            let again = reply.encode(call).expect("what fitted into a frame fits into one");
            // Words that a module chose come back on one short line; numbers and bytes come back as they were.
            let (second, same) = Reply::decode(payload_of(&again)).expect("what was written reads");
            assert_eq!(second, call);
            let third = same.encode(call).expect("what fitted into a frame fits into one");
            assert_eq!(third.expose(), again.expose());
            if !matches!(reply, Reply::Failed { .. } | Reply::Ready(_) | Reply::Refused { .. }) {
                assert_eq!(payload_of(&again), payload);
            }
        }),
        Some((_, bytes)) => {
            let Some((length, rest)) = bytes.split_first_chunk() else {
                assert!(frame_of(bytes).is_err());
                return;
            };
            let announced = u32::from_be_bytes(*length) as usize;
            assert_eq!(frame_bytes(*length).ok(), Some(announced).filter(|length| *length <= FRAME_BYTES_MAX));
            let whole = announced == rest.len() && announced <= FRAME_BYTES_MAX;
            assert_eq!(frame_of(bytes).ok(), Some(rest).filter(|_| whole));
        }
        None => {}
    }
}

fn payload_of(frame: &Secret) -> &[u8] {
    frame_of(frame.expose()).expect("what was written is a whole frame")
}
