//! Programs and libraries of names that fingerprints have.
//!
//! Holds: no panic, versions are short and plain, and pieces of any size tell the same.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

const NAMES: &[&str] = &[
    "usr/sbin/nginx",
    "usr/bin/redis-server",
    "usr/bin/python3.11",
    "usr/lib/libcrypto.so.3",
    "usr/sbin/mysqld",
    "usr/bin/ruby",
    "lib/server/libjvm.so",
    "usr/sbin/haproxy",
    "usr/bin/perl",
    "opt/any",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let facts = support::same_in_pieces(name, &support::program(rest));
    for package in &facts.packages {
        assert!(package.version.len() < 512 && package.version.is_ascii());
    }
    let _ = support::facts("opt/java/release", rest, 100);
    let _ = support::facts("wp-includes/version.php", rest, 100);
});
