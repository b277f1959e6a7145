//! `/proc/PID/cgroup`: whose container a process is in, from paths anybody may have named.
//!
//! Holds: no panic, and what is found is a part of the path.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    rampart_cluster::fuzz::cgroups(text);
    rampart_cluster::fuzz::cgroups(&format!("0::{text}"));
});
