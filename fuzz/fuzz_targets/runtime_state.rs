//! Files low-level runtimes and engines leave on disk: `state.json`, `status`, `config.json`,
//! Docker's `config.v2.json` and `hostconfig.json`.
//!
//! Input: the files, separated by lines of `---`. Holds: no panic, and every container found has
//! the name of its folder.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{fs, path::PathBuf};

/// Folder and file of each part.
const FILES: [&str; 5] = [
    "runc/state.json",
    "crun/status",
    "bundle/config.json",
    "containers/bundle/config.v2.json",
    "containers/bundle/hostconfig.json",
];

thread_local! {
    static DIR: tempfile::TempDir = {
        let memory = PathBuf::from("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        for file in FILES {
            fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
        }
        dir
    };
}

fuzz_target!(|text: &str| {
    DIR.with(|dir| {
        let mut parts = text.split("\n---\n");
        for file in FILES {
            let path = dir.path().join(file);
            match parts.next() {
                Some(part) => fs::write(path, part).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        for workload in rampart_cluster::fuzz::state_folder(dir.path()) {
            assert!(
                ["runc", "crun", "bundle"].contains(&workload.id.as_str()),
                "{}",
                workload.id
            );
            assert!(!workload.service.is_empty());
        }
    });
});
