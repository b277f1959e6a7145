//! Falco's own rule files, unmodified.

use crate::support::reference;
use rampart_detect::{Options, RuleFile, Rules};

pub(crate) const FILES: [&str; 3] = [
    "falco_rules.yaml",
    "falco-incubating_rules.yaml",
    "falco-sandbox_rules.yaml",
];

/// Each file by itself, and all together: no error, and every rule there.
#[test]
fn they_load_without_an_error() {
    let Some(folder) = reference() else { return };
    let texts =
        FILES.map(|name| std::fs::read_to_string(folder.join("falco-rules").join(name)).unwrap());
    let count = |text: &str| text.lines().filter(|l| l.starts_with("- rule:")).count();
    let files: Vec<_> = FILES
        .iter()
        .zip(&texts)
        .map(|(name, text)| RuleFile { name, text })
        .collect();
    let mut sets: Vec<_> = files.iter().map(std::slice::from_ref).collect();
    sets.push(&files);
    for set in sets {
        let (rules, diagnostics) = Rules::load(set, &Options::default());
        let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
        let expected: usize = set.iter().map(|file| count(file.text)).sum();
        assert_eq!(rules.rules().len(), expected);
        assert!(rules.rules().iter().all(|rule| !rule.types.is_empty()));
        println!("{} rules of {} file(s)", expected, set.len());
    }
}
