//! Answers and events of CRI and containerd, as protocol buffers.
//!
//! Holds: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    rampart_cluster::fuzz::containerd(data);
    let _ = rampart_cluster::fuzz::cri(data);
});
