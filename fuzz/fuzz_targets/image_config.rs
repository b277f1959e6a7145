//! The OCI image configuration and its checks.
//!
//! Holds: no panic; every issue has a detail and a remediation, in printable words.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::{
    image_config::{ImageConfig, check},
    secret::Scanner,
};
use std::sync::{Arc, LazyLock};

static SCANNER: LazyLock<Arc<Scanner>> = LazyLock::new(|| Arc::new(Scanner::builtin()));

fuzz_target!(|data: &[u8]| {
    if let Ok(config) = ImageConfig::parse(data) {
        for issue in check(&config, &SCANNER).issues {
            assert!(!issue.detail.is_empty() && !issue.remediation.is_empty());
            assert!(!issue.detail.chars().any(char::is_control));
        }
    }
});
