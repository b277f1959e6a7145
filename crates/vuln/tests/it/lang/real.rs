//! What real package managers wrote, against their own listings.
//!
//! Opt-in, since it needs a directory made by `scripts/real-packages.sh`: set
//! `RAMPART_REAL_PACKAGES` to it. Each case is a tree, the files of it that are to be read, and a
//! `name version` list the tool itself printed.

use super::facts;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn as_the_tools_list_them() {
    let Ok(root) = std::env::var("RAMPART_REAL_PACKAGES") else {
        eprintln!("skipped: RAMPART_REAL_PACKAGES is not set");
        return;
    };
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    cases.sort();
    let mut wrong = Vec::new();
    for case in cases {
        let (Ok(list), true) = (
            fs::read_to_string(case.join("list.txt")),
            case.join("tree").is_dir(),
        ) else {
            continue;
        };
        let want: BTreeSet<String> = list.lines().map(str::to_owned).collect();
        let mut found = Vec::new();
        files(&case.join("tree"), &mut found);
        let mut got = BTreeSet::new();
        let (mut edges, mut licensed) = (0, 0);
        let mut problems = Vec::new();
        for path in found {
            let name = path.strip_prefix(case.join("tree")).unwrap();
            let read = facts(&name.to_string_lossy(), fs::read(&path).unwrap());
            for package in read.packages {
                edges += package.depends_on.len();
                licensed += usize::from(!package.licenses.is_empty());
                got.insert(format!(
                    "{} {}",
                    package.name.to_lowercase().replace(['_', '.'], "-"),
                    package.version
                ));
            }
            problems.extend(read.problems);
        }
        let want: BTreeSet<String> = want
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, version)| {
                format!("{} {version}", name.to_lowercase().replace(['_', '.'], "-"))
            })
            .collect();
        let missing: Vec<_> = want.difference(&got).collect();
        let extra: Vec<_> = got.difference(&want).collect();
        eprintln!(
            "{}: {} listed by the tool, {} found, missing {missing:?}, more {extra:?}, {edges} edges, {licensed} with licence, {} problems {:?}",
            case.file_name().unwrap().to_string_lossy(),
            want.len(),
            got.len(),
            problems.len(),
            problems
                .iter()
                .take(3)
                .map(|p| format!("{}: {}", p.path, p.reason))
                .collect::<Vec<_>>(),
        );
        if !missing.is_empty() || !extra.is_empty() {
            wrong.push(case);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
