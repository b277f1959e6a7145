//! Programs known by the strings in them, and the release files beside them.

use super::{PIECES, elf, noise};
use crate::streaming::{analyze, lines};

/// Strings as real programs have them, and what they are known as.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    (
        "usr/sbin/nginx",
        "nginx version: nginx/1.22.1\0",
        &["nginx 1.22.1"],
    ),
    (
        "usr/sbin/apache2",
        "\0Apache/2.4.57 (Debian)\0",
        &["http_server 2.4.57"],
    ),
    (
        "usr/sbin/haproxy",
        "\0 version 2.6.12-1+deb12u1, released 2023/12/16\0",
        &["haproxy 2.6.12"],
    ),
    (
        "usr/bin/memcached",
        "\0memcached 1.6.18\0",
        &["memcached 1.6.18"],
    ),
    (
        "usr/bin/redis-server",
        "\x002.6.0\x007.0.15\x003.2.0\0",
        &["redis 7.0.15"],
    ),
    (
        "bin/postgres",
        "postgres (PostgreSQL) 15.7 (Debian 15.7-0)\0",
        &["postgresql 15.7"],
    ),
    (
        "usr/sbin/mariadbd",
        "\x0010.11.6-MariaDB\0",
        &["mariadb 10.11.6"],
    ),
    (
        "usr/sbin/mysqld",
        "\0/build/mysql-8.0.36/sql/mysqld.cc\0",
        &["mysql 8.0.36"],
    ),
    ("usr/bin/node", "\0node.js/v20.11.1\0", &["node.js 20.11.1"]),
    (
        "usr/bin/python3.11",
        "\x003.2.0\x003.11.2\0",
        &["python 3.11.2"],
    ),
    (
        "usr/lib/libpython3.13.so.1.0",
        "/opt/v/3.13.0\0",
        &["python 3.13.0"],
    ),
    (
        "usr/lib/libruby-3.1.so.3.1.2",
        "ruby 3.1.2p20 (2022-04-12 revision 4491bb740a)",
        &["ruby 3.1.2"],
    ),
    (
        "usr/bin/php8.2",
        "X-Powered-By: PHP/8.2.7\0",
        &["php 8.2.7"],
    ),
    ("usr/bin/perl", "\0v5.36.0\0", &["perl 5.36.0"]),
    (
        "lib/server/libjvm.so",
        "OpenJDK 64-Bit Server VM (25.402-b06) for",
        &["openjdk 1.8.0_402"],
    ),
    ("opt/lib/libjulia.so.1.10.2", "1.9.0\0", &["julia 1.10.2"]),
    (
        "bin/bash",
        "@(#)Bash version 5.2.15(1) release GNU\0",
        &["bash 5.2.15"],
    ),
    ("usr/bin/git", "\0git/2.39.5\0", &["git 2.39.5"]),
    (
        "usr/bin/curl",
        "curl 7.88.1 (x86_64-pc-linux-gnu) %s\0",
        &["curl 7.88.1"],
    ),
    (
        "usr/lib/libsqlite3.so.0",
        "\x003.40.1\0",
        &["sqlite 3.40.1"],
    ),
    (
        "usr/lib/libcrypto.so.1.0.2",
        "OpenSSL 1.0.2k-fips  26 Jan 2017\0",
        &["openssl 1.0.2k"],
    ),
    (
        "usr/lib/libc.so.6",
        "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
        &["glibc 2.36"],
    ),
    (
        "bin/[",
        "\0BusyBox v1.36.1 (2024-01-17)\0",
        &["busybox 1.36.1"],
    ),
    (
        "opt/any",
        "OpenSSL 3.0.13 30 Jan 2024\0 deflate 1.3.1 Copyright 1995-2024",
        &["openssl 3.0.13", "zlib 1.3.1"],
    ),
    (
        "opt/any",
        "libcrypto.so.3\0OpenSSL 3.0.13 30 Jan 2024\0",
        &[],
    ),
    (
        "opt/any",
        "nginx/1.22.1 node.js/v20.11.1 curl 7.88.1 (x)",
        &[],
    ),
    ("opt/any", "OpenSSL 3.0 or later is needed", &[]),
];

#[test]
fn programs_are_known_by_their_strings() {
    for (path, text, expected) in PROGRAMS {
        let mut bytes = elf();
        bytes.extend(noise(5000));
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend(noise(2000));
        let expected: Vec<_> = expected.iter().map(|e| format!("generic {e}")).collect();
        for &size in PIECES {
            let facts = analyze(path, &bytes, size);
            assert_eq!(
                lines(&facts),
                expected,
                "{path} in pieces of {size}: {text}"
            );
        }
    }
}

#[test]
fn scripts_and_libraries_of_the_distribution_are_left_out() {
    let mut library = elf();
    library.extend_from_slice(b" deflate 1.3.1 Copyright OpenSSL 3.0.13 30 Jan 2024\0");
    assert!(analyze("usr/lib/x86_64-linux-gnu/libx.so.1", &library, 4096).is_empty());
    let elsewhere = analyze("opt/app/libx.so.1", &library, 4096);
    assert_eq!(elsewhere.packages.len(), 2);
    let script = b"#!/bin/sh\necho nginx/1.22.1 and sixty-four bytes of it, which are enough";
    assert!(analyze("usr/sbin/nginx", script, 4096).is_empty());
}

#[test]
fn release_files() {
    let java = b"IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"17.0.9\"\n";
    assert_eq!(
        lines(&analyze("opt/java/release", java, 10)),
        ["generic openjdk 17.0.9"]
    );
    assert!(analyze("etc/release", b"ID=debian\n", 10).is_empty());
    let broken = analyze("w/wp-includes/version.php", b"<?php", 10);
    assert_eq!(broken.problems.len(), 1);
}
