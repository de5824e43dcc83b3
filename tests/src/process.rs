//! What the system knows of a process.

use std::fs;

/// User and system time of a process so far, in seconds, in ticks of 10 ms.
#[must_use]
pub fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The command in parentheses may hold spaces; utime and stime are the 12th and 13th fields after it (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / rustix::param::clock_ticks_per_second() as f64
}
