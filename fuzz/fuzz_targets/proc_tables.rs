//! Files of procfs: `fib_trie`, `route`, `if_inet6`, `ipv6_route`, `stat` of the machine and of a
//! process whose name holds anything.
//!
//! Input: the files, separated by lines of `---`. Holds: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{fs, path::PathBuf};

const FILES: [&str; 6] = [
    "fib_trie",
    "route",
    "if_inet6",
    "ipv6_route",
    "stat",
    "1/stat",
];

thread_local! {
    static DIR: tempfile::TempDir = {
        let memory = PathBuf::from("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        fs::create_dir(dir.path().join("1")).unwrap();
        dir
    };
}

fuzz_target!(|text: &str| {
    DIR.with(|dir| {
        let mut parts = text.split("\n---\n");
        for file in FILES {
            fs::write(dir.path().join(file), parts.next().unwrap_or_default()).unwrap();
        }
        let _ = rampart_cluster::fuzz::network(dir.path());
        let _ = rampart_cluster::fuzz::process(dir.path());
    });
});
