//! What the kernel writes as text or buffers with names that processes choose: `mountinfo`,
//! `stat`, `status`, `syscall`, and change notifications.
//!
//! Holds: no panic, and a buffer holds no more changes than its headers have room for.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    rampart_probe::fuzz::proc_files(data);
    assert!(rampart_probe::fuzz::changes(data) <= data.len() / 24);
});
