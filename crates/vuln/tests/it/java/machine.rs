//! Archives of the machine the tests run on, against Python's own reader. Opt-in:
//! `RAMPART_JARS=DIR:DIR cargo test -p rampart-vuln -- --ignored java`.

use crate::streaming::analyze;
use std::{collections::BTreeSet, process::Command};

const READER: &str = r#"
import sys, os, zipfile, io, re
def walk(data, depth):
    with zipfile.ZipFile(data) as z:
        for name in z.namelist():
            if re.search(r'META-INF/maven/[^/]+/[^/]+/pom\.properties$', name):
                p = dict(l.strip().split('=', 1) for l in z.read(name).decode('utf-8', 'replace').splitlines() if '=' in l and not l.startswith('#'))
                yield p['groupId'], p['artifactId'], p['version']
            elif re.search(r'\.(jar|war)$', name) and depth < 15:
                yield from walk(io.BytesIO(z.read(name)), depth + 1)
for path in sys.stdin.read().splitlines():
    for g, a, v in walk(path, 0):
        print(f'{path}\t{g}:{a}\t{v}')
"#;

#[test]
#[ignore = "reads archives of this machine with Python beside"]
fn coordinates_equal_what_python_finds() {
    let places = std::env::var_os("RAMPART_JARS").expect("RAMPART_JARS=DIR:DIR");
    let mut find = Command::new("find");
    find.args(std::env::split_paths(&places));
    find.args([
        "-type", "f", "(", "-name", "*.jar", "-o", "-name", "*.war", ")",
    ]);
    let files = String::from_utf8(find.output().unwrap().stdout).unwrap();
    let list = std::env::temp_dir().join(format!("jars-{}", std::process::id()));
    std::fs::write(&list, &files).unwrap();
    let output = Command::new("python3")
        .args(["-c", READER])
        .stdin(std::fs::File::open(&list).unwrap())
        .output()
        .unwrap();
    std::fs::remove_file(&list).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let mut found = BTreeSet::new();
    let mut more = 0;
    for path in files.lines() {
        let facts = analyze(&path[1..], &std::fs::read(path).unwrap(), 64 << 10);
        assert!(facts.problems.is_empty(), "{path}: {:?}", facts.problems);
        for package in facts.packages {
            let line = format!("{path}\t{}\t{}", package.name, package.version);
            more += usize::from(!expected.contains(&line));
            found.insert(line);
        }
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let (archives, same) = (files.lines().count(), expected.len());
    println!("{archives} archives, {same} coordinates equal, {more} by pom, manifest or name");
}
