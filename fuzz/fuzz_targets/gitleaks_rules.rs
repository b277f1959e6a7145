//! Rule files in the format of gitleaks, and the search with what they gave.
//!
//! Holds: no panic; what is not taken is told in printable words.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::secret::{RuleFile, Scanner, in_text};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let (file, told) = RuleFile::load(data);
    for diagnostic in &told {
        assert!(!diagnostic.reason.is_empty() && diagnostic.reason.chars().count() <= 300);
    }
    if file.rule_count() > 0 {
        let scanner = Arc::new(Scanner::with(file, false));
        in_text(
            &scanner,
            "app/x",
            "int_tok = ab12cd34ef56gh78 # key: secret user=somebody\n",
        );
    }
});
