//! What is said of plugins, by whoever brings one and by the configuration: signature files, imports, hosts, networks.
#![no_main]

use keybroker_fuzz::subject::plugin::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(bytes));
