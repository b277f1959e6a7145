//! Cargo.lock of every version of its format, and damaged ones.

use crate::streaming::{analyze, lines, reasons};

const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn every_version_of_the_format() {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let one = format!(
        "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \
         \"a 1.0.0 ({registry})\",\n]\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
         source = \"{registry}\"\ndependencies = [\n \"b 2.0.0 ({registry})\",\n]\n\n\
         [[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"{registry}\"\n\n\
         [metadata]\n\"checksum a 1.0.0 ({registry})\" = \"{SUM}\"\n"
    );
    let later = |version: u8| {
        format!(
            "version = {version}\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\
             dependencies = [\n \"a\",\n]\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
             source = \"{registry}\"\nchecksum = \"{SUM}\"\ndependencies = [\n \"b 2.0.0\",\n]\n\n\
             [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"{registry}\"\n\n\
             [[package]]\nname = \"b\"\nversion = \"2.0.0\"\n\
             source = \"git+https://example.test/b?rev=1#0123456789\"\n"
        )
    };
    for text in [one, later(3), later(4)] {
        let facts = analyze("app/Cargo.lock", text.as_bytes(), 100);
        let found = lines(&facts);
        assert_eq!(found[..2], ["cargo app 0.1.0", "cargo a 1.0.0"], "{text}");
        assert_eq!(found.last().unwrap(), "cargo b 2.0.0");
        let [app, a, .., b] = facts.packages.as_slice() else {
            panic!("{text}");
        };
        assert!(app.direct && a.direct && !b.direct);
        assert_eq!(app.depends_on, ["a@1.0.0"]);
        assert_eq!(a.depends_on, ["b@2.0.0"]);
        assert_eq!(a.hashes, [format!("sha256:{SUM}")]);
    }
}

#[test]
fn damage_is_told() {
    for text in [
        &b"[[package]\nname = 1"[..],
        b"\xff",
        b"[[package]]\nname = \"a\"\n",
    ] {
        let facts = analyze("Cargo.lock", text, 100);
        assert!(facts.packages.is_empty());
        assert_eq!(facts.problems.len(), 1);
        assert!(reasons(&facts)[0].starts_with("Cargo.lock: not "));
    }
}
