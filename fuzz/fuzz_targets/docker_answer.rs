//! Docker's and Podman's description of a container, as JSON.
//!
//! Holds: no panic, and text is bounded whatever the answer holds.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(workload) = rampart_cluster::fuzz::docker(data) {
        assert!(workload.name.len() <= 16 << 10 && workload.image.len() <= 16 << 10);
        assert!(workload.env.len() <= 1024 && workload.labels.len() <= 1024);
    }
});
