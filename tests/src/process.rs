//! What the system knows of a process.

use std::fs;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// User and system time of a process so far, in seconds, in ticks of 10 ms.
#[must_use]
pub fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The command in parentheses may hold spaces; utime and stime are the 12th and 13th fields after it (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Stops a child of this process where it stands, until [`thaw`]. One that ends meanwhile has ended.
///
/// # Panics
/// It is no child, or was waited for.
pub fn freeze(pid: u32) {
    signal(pid, Signal::STOP);
    let seen = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(known(pid)), seen).unwrap();
}

/// Lets it go on.
///
/// # Panics
/// It was waited for.
pub fn thaw(pid: u32) {
    signal(pid, Signal::CONT);
}

/// # Panics
/// There is no such process, or it was waited for.
pub fn signal(pid: u32, signal: Signal) {
    kill_process(known(pid), signal).unwrap();
}

fn known(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}
