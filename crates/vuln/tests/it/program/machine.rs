//! The programs of the machine the tests run on, against what they say when asked. Opt-in:
//! `cargo test -p rampart-vuln -- --ignored machine`. What is not installed is named and left out.

use crate::streaming::analyze;
use std::{path::Path, process::Command};

const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("nginx", &["-v"], "nginx"),
    ("openssl", &["version"], "openssl"),
    ("busybox", &[], "busybox"),
    ("redis-server", &["--version"], "redis"),
    ("node", &["--version"], "node.js"),
    ("python3", &["--version"], "python"),
    ("perl", &["-e", "printf '%vd', $^V"], "perl"),
    ("bash", &["--version"], "bash"),
    ("git", &["--version"], "git"),
    ("curl", &["--version"], "curl"),
    ("postgres", &["--version"], "postgresql"),
    ("php", &["--version"], "php"),
    ("memcached", &["--version"], "memcached"),
    ("haproxy", &["-v"], "haproxy"),
    ("apache2", &["-v"], "http_server"),
];

#[test]
#[ignore = "reads programs of this machine"]
fn versions_equal_what_programs_say() {
    let mut checked = 0;
    for (program, arguments, name) in PROGRAMS {
        let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/bin"];
        let found = places.iter().map(|place| Path::new(place).join(program));
        let Some(path) = found.into_iter().find(|path| path.is_file()) else {
            println!("{program}: not installed, left out");
            continue;
        };
        let output = Command::new(&path).args(*arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let facts = analyze(&path.to_string_lossy()[1..], &bytes, 64 << 10);
        let package = facts.packages.iter().find(|p| p.name == *name);
        let version = &package
            .unwrap_or_else(|| panic!("{program}: nothing found"))
            .version;
        assert!(
            said.contains(version.as_str()),
            "{program}: {version} in {said}"
        );
        checked += 1;
    }
    println!("{checked} programs agree with themselves");
    assert!(checked >= 5, "too few programs here");
}

/// `go version -m` and this analyzer say the same of every module.
#[test]
#[ignore = "needs a Go toolchain and programs built by one"]
fn go_programs_equal_what_the_toolchain_says() {
    let programs = std::env::var_os("RAMPART_GO_PROGRAMS").expect("RAMPART_GO_PROGRAMS=FILE:FILE");
    for path in std::env::split_paths(&programs) {
        let output = Command::new("go")
            .args(["version", "-m"])
            .arg(&path)
            .output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        let mut expected: Vec<(String, String)> = Vec::new();
        for line in said.lines().skip(1) {
            let words: Vec<_> = line.trim_start().split('\t').collect();
            match words.as_slice() {
                ["dep", name, "(devel)", ..] => expected.push((name.to_string(), String::new())),
                ["dep", name, version, ..] => {
                    expected.push((name.to_string(), version.to_string()));
                }
                ["=>", name, version, ..] if !name.starts_with('.') => {
                    *expected.last_mut().unwrap() = (name.to_string(), version.to_string());
                }
                ["=>", ..] => expected.last_mut().unwrap().1.clear(),
                _ => {}
            }
        }
        let bytes = std::fs::read(&path).unwrap();
        let facts = analyze(&path.to_string_lossy()[1..], &bytes, 64 << 10);
        let dependencies = facts
            .packages
            .iter()
            .filter(|p| p.kind.purl_type() == "golang");
        let found: Vec<_> = dependencies
            .filter(|p| !p.direct)
            .map(|p| (p.name.clone(), p.version.clone()))
            .collect();
        assert_eq!(found, expected, "{}", path.display());
        println!("{}: {} modules equal", path.display(), found.len());
    }
}
