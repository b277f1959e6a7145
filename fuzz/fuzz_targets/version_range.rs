//! Requirements of every dialect, and `vers:` ranges: a byte names the dialect.
//!
//! Holds: no panic; a set and its complement share no version and leave none out; the intervals
//! made of a set judge as it does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::version::{
    is_affected,
    range::{Dialect, parse, parse_vers},
};

const DIALECTS: [Dialect; 8] = [
    Dialect::Plain,
    Dialect::Cargo,
    Dialect::Npm,
    Dialect::Pep440,
    Dialect::Maven,
    Dialect::Nuget,
    Dialect::Gem,
    Dialect::Composer,
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let (text, version) = text.split_once('\n').unwrap_or((&text, "1.2.3"));
    let set = match DIALECTS.get(usize::from(*first) % (DIALECTS.len() + 1)) {
        Some(dialect) => parse(*dialect, text),
        None => parse_vers(text),
    };
    let Ok(set) = set else { return };
    // To Composer `#` is any number, so that `#` and an order do not go together.
    if text.contains('#') || version.contains('#') {
        return;
    }
    let Ok(held) = set.contains(version) else {
        return;
    };
    let judged = set.intervals().iter().any(|interval| {
        is_affected(set.scheme(), interval, version).is_ok_and(|affected| affected)
    });
    // A start of `0` means from the first on, in advisories.
    let zero = set
        .intervals()
        .iter()
        .any(|interval| interval.introduced == "0");
    assert!(judged == held || zero, "{text} {version}");
    assert_eq!(set.complement().contains(version), Ok(!held));
});
