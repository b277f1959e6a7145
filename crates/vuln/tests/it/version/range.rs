//! Requirements of each dialect: what they hold, the sets they make, and what is wrong with them.

use proptest::prelude::*;
use rampart_vuln::version::{
    Scheme, is_affected,
    range::{
        Dialect, MAX_BYTES, RangeError, VersionSet, affected_by_rest, parse, parse_plain,
        parse_vers,
    },
};

/// The set holds what stands before the bar and not what stands behind it.
fn check(set: &Result<VersionSet, RangeError>, text: &str, cases: &str) {
    let set = set.as_ref().unwrap_or_else(|e| panic!("{text}: {e}"));
    let (inside, outside) = cases.split_once('|').unwrap();
    for (versions, expected) in [(inside, true), (outside, false)] {
        for version in versions.split_whitespace() {
            assert_eq!(set.contains(version), Ok(expected), "{text} and {version}");
            let any = set
                .intervals()
                .iter()
                .any(|interval| is_affected(set.scheme(), interval, version).unwrap());
            assert_eq!(any, expected, "intervals of {text} and {version}");
        }
    }
}

#[test]
fn requirements_hold_what_their_ecosystem_says() {
    use Dialect::*;
    for (dialect, text, cases) in [
        (
            Cargo,
            "^1.2.3",
            "1.2.3 1.9.0 | 1.2.2 1.2.3-rc.1 2.0.0 2.0.0-rc.1",
        ),
        (Cargo, "1.2", "1.2.0 1.9.9 | 2.0.0 1.1.0"),
        (Cargo, "^0.2.3", "0.2.3 0.2.9 | 0.3.0"),
        (Cargo, "^0.0.3", "0.0.3 | 0.0.4"),
        (Cargo, "^0.0", "0.0.0 0.0.9 | 0.1.0"),
        (Cargo, "~1.2", "1.2.0 1.2.9 | 1.3.0"),
        (
            Cargo,
            ">= 1.0.2, < 2.0.0",
            "1.0.2 1.9.9 2.0.0-rc.1 | 1.0.1 2.0.0",
        ),
        (Cargo, "=1.2", "1.2.0 1.2.9 | 1.3.0-0 1.1.9"),
        (Cargo, "> 1.2", "1.3.0 | 1.2.9"),
        (Cargo, "<= 1.2", "1.2.9 1.0.0 | 1.3.0"),
        (Cargo, "*", "0.0.1 9.9.9-pre |"),
        (
            Npm,
            "^1.2 || >=3.0.0 <3.1",
            "1.2.0 1.9.0 3.0.5 | 2.0.0 3.1.0 3.1.0-beta",
        ),
        (Npm, "1.x", "1.0.0-alpha 1.9.9 | 2.0.0-alpha"),
        (Npm, "1.2.3 - 2.3", "1.2.3 2.3.9 | 2.4.0 1.2.2"),
        (Npm, ">= 1.0.0 < 2", "1.0.0 1.9.9 | 2.0.0-rc.1 2.0.0"),
        (Npm, "~1.2.3", "1.2.3 1.2.9 | 1.3.0"),
        (Npm, "<0.0.0-0", "| 0.0.0 1.0.0"),
        (Npm, "", "1.0.0 0.0.0-0 |"),
        (
            Pep440,
            ">=1.0,<2.0,!=1.5.*",
            "1.0 1.4 1.6 | 2.0rc1 1.5 1.5.3 1.5rc1 0.9",
        ),
        (Pep440, "~=1.4.5", "1.4.5 1.4.9 | 1.5 1.4.4"),
        (Pep440, "~=1.4", "1.4 1.9 | 2.0 1.3"),
        (Pep440, "==1.1", "1.1 1.1.0 1.1+cu102 | 1.1.post1 1.1rc1"),
        (Pep440, ">1.7", "1.7.1 1.8 | 1.7 1.7.post2 1.7+local"),
        (Pep440, "<=1.7", "1.7 1.7+local 1.7rc1 | 1.7.post1 1.7.1"),
        (Pep440, "<1.7", "1.6 1.6.post1 | 1.7rc1 1.7"),
        (Pep440, "===1.0", "1.0 | 1.1"),
        (Maven, "[1.0,2.0)", "1.0 1.9 2.0-rc1 | 2.0 1.0-rc1"),
        (Maven, "(,1.0],[1.2,)", "0.9 1.0 1.2 9 | 1.1"),
        (Maven, "[1.5]", "1.5 1.5.0 | 1.5.1"),
        (Maven, "(1.0,)", "1.0.1 | 1.0 0.9"),
        (Nuget, "1.0", "1.0.0 2.0 | 0.9"),
        (Nuget, "(1.0,2.0]", "1.0.1 2.0 | 1.0 2.0.1"),
        (Gem, "~> 1.2.3", "1.2.3 1.2.9 | 1.3 1.3.pre 1.2.2"),
        (Gem, "~> 1.2", "1.2 1.9.9 | 2.0 2.0.a"),
        (Gem, ">= 1.0, != 1.5", "1.0 1.5.1 | 1.5 1.5.0 0.9"),
        (Composer, "^1.2", "1.2 1.2.0 1.9.9 | 2.0 2.0-beta 1.1.9"),
        (Composer, "~1.2", "1.2 1.9 | 2.0"),
        (Composer, "~1.2.3", "1.2.3 1.2.9 | 1.3"),
        (
            Composer,
            ">=1.0,<1.1|>=1.2,<1.3",
            "1.0.5 1.2.9 | 1.1 1.1.0 1.1.0-rc1 1.3",
        ),
        (Composer, "1.2.*", "1.2.0 1.2.9 | 1.3.0 1.1.9"),
        (Composer, "1.0 - 2.0", "1.0 2.0 2.0.9 | 2.1"),
        (Composer, ">= 1.0 !=1.5.0", "1.0 1.5.1 | 1.5.0"),
        (Plain, ">= 1.0.0, < 1.2.3", "1.0.0 1.2.2 | 1.2.3"),
        (Plain, "= 1.0.0", "1.0.0 | 1.0.1"),
    ] {
        check(&parse(dialect, text), text, cases);
    }
    for (scheme, text, cases) in [
        (Scheme::Deb, "< 2:1.0-1", "1:9 2:1.0~rc1-1 | 2:1.0-1"),
        (Scheme::Maven, "> 1.0, <= 2.0", "1.1 2.0 | 1.0 2.0.1"),
    ] {
        check(&parse_plain(scheme, text), text, cases);
    }
}

#[test]
fn vers_ranges_hold_what_the_specification_says() {
    for (text, cases) in [
        (
            "vers:npm/1.2.3|>=2.0.0|<5.0.0",
            "1.2.3 2.0.0 4.9.9 | 1.2.4 5.0.0",
        ),
        (
            "vers:npm/<=2.0.0|>=3.0.0",
            "1.0.0 2.0.0 3.0.0 9.0.0 | 2.5.0",
        ),
        ("vers:pypi/0.0.0|0.0.1|0.0.2|1.0", "0.0.1 1.0.0 | 0.0.3"),
        ("vers:pypi/>=1.0|!=1.5|<2.0", "1.0 1.4 | 1.5 2.0"),
        ("vers:deb/>=1%3A1.0|<2%3A1.0", "1:1.0 1:9 | 2:1.0 0.9"),
        ("vers:gem/*", "1 2 |"),
        ("vers:gem/!=1.0", "0.9 1.1 | 1.0"),
        ("vers:semver/>1.0.0", "1.0.1 2.0.0 | 1.0.0"),
        (
            "vers:golang/>v1.0.0|<=v1.2.0",
            "v1.0.1 v1.2.0 | v1.0.0 v1.2.1",
        ),
    ] {
        check(&parse_vers(text), text, cases);
    }
    for text in [
        "npm/1.0",
        "vers:npm",
        "vers:none/1",
        "vers:npm/",
        "vers:npm/x",
        "vers:npm/1%2",
        "vers:npm/>=",
    ] {
        assert!(parse_vers(text).is_err(), "{text}");
    }
}

#[test]
fn affected_is_what_is_neither_patched_nor_unaffected() {
    let rest = |safe: &[&str]| affected_by_rest(Dialect::Cargo, safe);
    check(
        &rest(&[">= 1.0.2, < 2.0.0", ">= 2.0.2"]),
        "two branches",
        "1.0.1 2.0.0 2.0.1 | 1.0.2 1.9.0 2.0.2",
    );
    check(&rest(&[]), "nothing patched", "0.0.1 9.0.0 |");
    check(
        &rest(&["^0.9.5", ">= 0.10.5", "<= 0.8.0"]),
        "three",
        "0.8.1 0.9.4 0.10.0 0.10.4 | 0.8.0 0.9.5 0.9.9 0.10.5",
    );
    assert_eq!(
        rest(&["<= 1.0.0"]).unwrap().intervals()[0].introduced,
        ">1.0.0"
    );
    let gems = affected_by_rest(Dialect::Gem, &["~> 4.2.11", ">= 5.0.7.2"]);
    check(
        &gems,
        "gems",
        "4.2.10 5.0.0 5.0.7.1 | 4.2.11 4.2.11.3 5.0.7.2",
    );
}

#[test]
fn what_is_no_requirement_is_an_error() {
    for (dialect, text) in [
        (Dialect::Cargo, ">= x.y"),
        (Dialect::Cargo, "1.2.3.4.5"),
        (Dialect::Cargo, ""),
        (Dialect::Npm, "latest"),
        (Dialect::Npm, ">="),
        (Dialect::Pep440, "1.0"),
        (Dialect::Pep440, "~=1"),
        (Dialect::Pep440, ">=1.*"),
        (Dialect::Maven, "[1.0,2.0"),
        (Dialect::Maven, "[1.0,2.0)x"),
        (Dialect::Maven, "(1.0)"),
        (Dialect::Maven, "[1,2,3]"),
        (Dialect::Gem, "~> x"),
        (Dialect::Composer, "dev-main"),
        (Dialect::Composer, ""),
        (Dialect::Plain, ">="),
    ] {
        assert!(parse(dialect, text).is_err(), "{dialect:?} took '{text}'");
    }
    let long = "1,".repeat(MAX_BYTES);
    assert_eq!(parse(Dialect::Cargo, &long), Err(RangeError::TooLong));
    let many: Vec<String> = (0..2000).step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(
        parse(Dialect::Npm, &many.join("||")).unwrap_err(),
        RangeError::TooMany
    );
}

fn requirement() -> impl Strategy<Value = String> {
    let version = "[0-3](\\.[0-3]){0,2}";
    let sign = prop::sample::select(vec!["<", "<=", ">", ">=", "=", "!="]);
    let one = (sign, version).prop_map(|(sign, version)| format!("{sign}{version}"));
    prop::collection::vec(one, 1..4).prop_map(|parts| parts.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn sets_are_sets(a in requirement(), b in requirement(), v in "[0-3](\\.[0-3]){0,2}(-rc)?") {
        let set = |text: &str| parse_plain(Scheme::Semver, text).unwrap();
        let holds = |set: &VersionSet| set.contains(&v).unwrap();
        let (x, y) = (holds(&set(&a)), holds(&set(&b)));
        prop_assert_eq!(holds(&set(&a).union(set(&b)).unwrap()), x || y);
        prop_assert_eq!(holds(&set(&a).intersection(&set(&b)).unwrap()), x && y);
        prop_assert_eq!(holds(&set(&a).complement()), !x);
        prop_assert_eq!(set(&a).complement().complement(), set(&a));
    }

    #[test]
    fn no_text_panics(text in "[0-9a-z<>=!~^|,.*()\\[\\] -]{0,24}", other in any::<String>()) {
        for dialect in [Dialect::Plain, Dialect::Cargo, Dialect::Npm, Dialect::Pep440,
            Dialect::Maven, Dialect::Nuget, Dialect::Gem, Dialect::Composer] {
            for text in [&text, &other] {
                if let Ok(set) = parse(dialect, text) {
                    let _ = set.intervals();
                    let _ = set.complement().contains("1.0.0");
                }
            }
        }
        let _ = parse_vers(&format!("vers:npm/{text}"));
    }
}
