//! The enforcer's kept policy: any file, and any document under a right checksum.
//!
//! Holds: no panic, and what loads can be kept and loaded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_enforcer::link::PolicyCache;
use std::{fs, path::PathBuf};

thread_local! {
    static DIR: tempfile::TempDir = {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
    };
}

fuzz_target!(|data: &[u8]| {
    DIR.with(|dir| {
        let file = dir.path().join("policy.snapshot");
        let cache = PolicyCache::new(dir.path());
        fs::write(&file, data).unwrap();
        let _ = cache.load();
        let mut sealed = b"RMPPOL01".to_vec();
        sealed.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
        sealed.extend_from_slice(data);
        fs::write(&file, sealed).unwrap();
        if let Ok(Some(policy)) = cache.load() {
            cache.persist(&policy).unwrap();
            let again = cache.load().unwrap().unwrap();
            assert_eq!(again.revision, policy.revision);
            assert_eq!(again.groups, policy.groups);
        }
    });
});
