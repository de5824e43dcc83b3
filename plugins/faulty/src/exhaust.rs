//! Uses up time, memory, stack, the log or the host's patience.

use std::hint::black_box;

use keybroker_sdk::{crypto, handles, log};

#[derive(Clone, Copy)]
pub enum Exhaust {
    /// Answers 2 MiB: fits in memory, is more than any wrapped key.
    BigAnswer,
    /// Opens its key again and again and lets none go.
    Hoard,
    /// Calls `crypto.open` without end: every round leaves the guest.
    HostCalls,
    /// Answers 100 MB.
    HugeAnswer,
    /// Writes 10 000 long lines with control characters to the log, then works normally.
    LogFlood,
    /// Writes to the log without end.
    LogLoop,
    /// Runs without end and without leaving the guest.
    Loop,
    /// Takes memory without end.
    Memory,
    /// Calls itself without end, on the host's stack alone (no frame in linear memory).
    Recursion,
    /// Executes `unreachable`.
    Trap,
}

/// An answer far too large, or none where the guest survives and goes on normally.
pub fn answer(exhaust: Exhaust, material: &[u8]) -> Option<Vec<u8>> {
    match exhaust {
        Exhaust::BigAnswer => Some(vec![0x5A; 2 << 20]),
        Exhaust::HugeAnswer => Some(vec![0x5A; 100_000_000]),
        Exhaust::Hoard => hoard(material),
        Exhaust::HostCalls => open_forever(material),
        Exhaust::LogFlood => {
            for line in 0..10_000 {
                write_long_line(line);
            }
            None
        }
        Exhaust::LogLoop => {
            let mut line = 0;
            loop {
                write_long_line(line);
                line = line.wrapping_add(1);
            }
        }
        Exhaust::Loop => spin(),
        Exhaust::Memory => take_memory(),
        Exhaust::Recursion => Some(descend(0).to_le_bytes().to_vec()),
        Exhaust::Trap => trap(),
    }
}

/// Runs without end; the counter passes through `black_box` so that no optimiser takes the loop away.
pub fn spin() -> ! {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

pub fn trap() -> ! {
    // Without a panic's message: on wasm32 this is the instruction `unreachable`.
    std::process::abort()
}

fn open_forever(material: &[u8]) -> ! {
    // An empty list where the material is not ours: the call is refused, and still a call.
    let sealed = handles::sealed(material).unwrap_or_default();
    loop {
        drop(crypto::open(sealed));
    }
}

fn hoard(material: &[u8]) -> ! {
    let sealed = handles::sealed(material).unwrap_or_default();
    loop {
        std::mem::forget(crypto::open(sealed));
    }
}

/// 2 KiB that try to look like several lines of the broker's own log.
fn write_long_line(line: u32) {
    let text = format!("flood {line}\n\u{1b}[31m{{\"level\":\"error\",\"message\":\"forged\"}}\r\0");
    log::write(log::Level::Warn, &text.repeat(2048_usize.div_ceil(text.len())));
}

fn take_memory() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![0xA5_u8; 1 << 20]));
    }
}

/// Never returns: the floor is below every depth. The rotation keeps the optimiser from making a loop of it.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    static FLOOR: u64 = u64::MAX;
    // SAFETY: a reference to an initialised static is valid and aligned; volatile hides the value from the optimiser.
    if depth == unsafe { std::ptr::read_volatile(&raw const FLOOR) } {
        return depth;
    }
    descend(depth + 1).rotate_left(7) ^ depth
}
