//! Each scheme is a total order of the texts it takes, and no text makes it panic.

use proptest::prelude::*;
use rampart_vuln::{
    advisory::{End, Interval},
    version::{MAX_BYTES, Scheme, compare, is_affected},
};
use std::cmp::Ordering;

/// Text out of the pieces that versions are made of, so that orders are really tried.
fn version() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[0-9]{1,3}",
        4 => prop::sample::select(vec![".", "-", "_", "+", "~", "^", ":", "!"])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "a", "b", "rc", "alpha", "beta", "dev", "post", "pre", "p", "final", "ga", "sp",
            "snapshot", "SNAPSHOT", "r", "v", "go", "x", "-r", "_p", "_rc", "git", "0", "00", "01",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z]{1,2}",
        1 => "\\PC{1,2}".prop_filter("a wildcard, not a version", |text| !text.contains('#')),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Begins as nearly all versions do, so that strict schemes take most of them.
fn likely() -> impl Strategy<Value = String> {
    ("[0-9]{1,2}(\\.[0-9]{1,2}){0,3}", version()).prop_map(|(start, end)| start + &end)
}

fn any_version() -> impl Strategy<Value = String> {
    prop_oneof![3 => likely(), 1 => version()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn orders_are_total(a in any_version(), b in any_version(), c in any_version()) {
        for scheme in Scheme::all() {
            let (Ok(()), Ok(()), Ok(())) = (scheme.check(&a), scheme.check(&b), scheme.check(&c))
            else {
                continue;
            };
            let order = |x: &str, y: &str| compare(scheme, x, y).unwrap();
            prop_assert_eq!(order(&a, &a), Ordering::Equal, "{} '{}'", scheme, a);
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse(), "{} '{}' '{}'", scheme, a, b);
            let mut sorted = [&a, &b, &c];
            // Three exchanges sort three; with a total order the ends then agree.
            for (x, y) in [(0, 1), (1, 2), (0, 1)] {
                if order(sorted[x], sorted[y]).is_gt() {
                    sorted.swap(x, y);
                }
            }
            let (low, high) = (order(sorted[0], sorted[1]), order(sorted[1], sorted[2]));
            let ends = order(sorted[0], sorted[2]);
            prop_assert_eq!(ends, low.then(high), "{} {:?}", scheme, sorted);
        }
    }

    #[test]
    fn no_text_panics(a in "\\PC{0,24}", b in any::<String>()) {
        for scheme in Scheme::all() {
            let taken = scheme.check(&a).is_ok() && scheme.check(&b).is_ok();
            prop_assert_eq!(compare(scheme, &a, &b).is_ok(), taken, "{} '{}' '{}'", scheme, a, b);
        }
    }
}

#[test]
fn what_is_no_version_is_an_error() {
    for (scheme, text) in [
        (Scheme::Npm, "latest"),
        (Scheme::Npm, "file:../x"),
        (Scheme::Semver, ""),
        (Scheme::Semver, "1..2"),
        (Scheme::Go, "(devel)"),
        (Scheme::Go, "devel go1.23-b1234"),
        (Scheme::Gem, "1.0_beta"),
        (Scheme::Composer, "dev-main"),
        (Scheme::Deb, "a:1.0"),
        (Scheme::Deb, "1:-1"),
        (Scheme::Cran, "1.0a"),
        (Scheme::Hackage, "one"),
        (Scheme::Generic, "unknown"),
    ] {
        assert!(scheme.check(text).is_err(), "{scheme} took '{text}'");
    }
    let long = "1".repeat(MAX_BYTES + 1);
    for scheme in Scheme::all() {
        let error = compare(scheme, &long, "1").unwrap_err();
        assert!(error.version.len() <= 80);
        assert!(compare(scheme, "1", " ").is_err());
    }
}

/// Orders that no vector file tells of.
#[test]
fn hand_written_comparisons() {
    for (scheme, text) in [
        (
            Scheme::Alpm,
            "1.0a < 1.0b < 1.0beta < 1.0p < 1.0pre < 1.0rc < 1.0 < 1.0.a < 1.0.1",
        ),
        (
            Scheme::Alpm,
            "1 < 1.0 < 1.1 < 1.1.1 < 1.2 < 2.0 < 3.0.0 < 1:1",
        ),
        (Scheme::Alpm, "1.0-1 < 1.0-2 < 1.0-10"),
        (
            Scheme::Go,
            "v0.0.0-20190101000000-abcdefabcdef < v0.0.0-20200101000000-abcdefabcdef",
        ),
        (
            Scheme::Go,
            "v1.2.4-0.20200101000000-abcdefabcdef < v1.2.4-rc.1 < v1.2.4 < v2.0.0+incompatible",
        ),
        (Scheme::Go, "v2.0.0+incompatible = 2.0.0"),
        (
            Scheme::Go,
            "go1.20beta1 < go1.20rc1 < go1.20rc2 < go1.20rc10 < go1.20 = 1.20.0 < go1.20.1",
        ),
        (Scheme::Go, "go1.17.2b7 = 1.17.2 = go1.17.2-vendor"),
        (
            Scheme::Generic,
            "1.0.2-beta1 < 1.0.2 = 1.0.2-fips < 1.0.2a < 1.0.2k < 1.0.2z < 1.0.2za < 1.0.2zh < 1.1.0",
        ),
        (
            Scheme::Generic,
            "3.0.0-alpha1 < 3.0.0-beta2 < 3.0.0 = 3.0 < 3.0.1",
        ),
        (
            Scheme::Generic,
            "1.8.0_291-b10 < 1.8.0_292-b02 < 1.8.0_292-b10 < 11.0.11+9",
        ),
        (Scheme::Generic, "1.18.0 < 1.25.3 < v20.11.1"),
        (
            Scheme::Conan,
            "1.1.1-rc1 < 1.1.1 < 1.1.1t < 1.1.1w < 1.1.2 = 1.1.2.0",
        ),
        (Scheme::Conan, "8 < 9 < 10 < cci.20200203"),
        (
            Scheme::Conda,
            "0.4 = 0.4.0 < 0.4.1.rc = 0.4.1.RC < 0.4.1 < 0.5a1 < 0.5b3 < 0.5C1 < 0.5 < 0.9.6 < 0.960923 < 1.0",
        ),
        (
            Scheme::Conda,
            "1.1dev1 < 1.1a1 < 1.1.0dev1 = 1.1.dev1 < 1.1.a1 < 1.1.0rc1 < 1.1.0 = 1.1 < 1.1.0post1 = 1.1.post1 < 1.1post1 < 1996.07.12 < 1!0.4.1 < 1!3.1.1.6 < 2!0.4.1",
        ),
        (Scheme::Semver, "5.0.0-rc.1 < 5.0.0 < 5.0.1"),
        (Scheme::Npm, "=1.0.0 = v1.0.0 < 1.0.1"),
        (Scheme::Composer, "1.0-dev < 1.0 < 1.4.2 < 1.x-dev < 2.0"),
        (
            Scheme::Apk,
            "1.2.3_rc1 < 1.2.3 < 1.2.3-r0 < 1.2.3-r1 < 1.2.3~abc < 1.2.3_git1 < 1.2.3_p1 < 1.2.3a < 1.2.3.1",
        ),
    ] {
        let words: Vec<&str> = text.split(' ').collect();
        for step in words.windows(3).step_by(2) {
            let [a, operator, b] = step else {
                unreachable!()
            };
            let order = compare(scheme, a, b);
            assert_eq!(
                order,
                Ok(super::sign(operator).unwrap()),
                "{scheme}: {a} {operator} {b}"
            );
        }
    }
}

#[test]
fn intervals_hold_their_start_and_say_how_they_end() {
    let affected = |introduced: &str, end: End, version: &str| {
        let interval = Interval {
            introduced: introduced.to_owned(),
            end,
        };
        is_affected(Scheme::Semver, &interval, version).unwrap()
    };
    let fixed = || End::Fixed("1.2.0".to_owned());
    assert!(affected("", fixed(), "0.0.0-alpha"));
    assert!(affected("0", fixed(), "0.0.0-alpha"));
    assert!(affected("1.0.0", fixed(), "1.0.0"));
    assert!(!affected("1.0.0", fixed(), "1.0.0-rc.1"));
    assert!(affected("1.0.0", fixed(), "1.2.0-rc.1"));
    assert!(!affected("1.0.0", fixed(), "1.2.0"));
    assert!(affected(
        "1.0.0",
        End::LastAffected("1.2.0".to_owned()),
        "1.2.0"
    ));
    assert!(!affected(
        "1.0.0",
        End::LastAffected("1.2.0".to_owned()),
        "1.2.1"
    ));
    assert!(affected("1.0.0", End::Open, "99.0.0"));
    let bad = Interval {
        introduced: "1.0.0".to_owned(),
        end: End::Fixed("main".to_owned()),
    };
    assert!(is_affected(Scheme::Semver, &bad, "1.5.0").is_err());
}

/// What is installed against what an advisory names, where package managers take more for equal than
/// an order of all versions can.
#[test]
fn intervals_follow_the_package_manager() {
    for (scheme, installed, fixed, last, affected) in [
        (Scheme::Alpm, "1.5-1", "1.5", "", false),
        (Scheme::Alpm, "1.5-1", "", "1.5", true),
        (Scheme::Alpm, "1.5-1", "1.5-2", "", true),
        (Scheme::Alpm, "1:1.5-1", "", "1.5", false),
        (Scheme::Composer, "2.1", "2.1.0", "", false),
        (Scheme::Composer, "v2.1.0.0", "", "2.1", true),
        (Scheme::Composer, "2.1-beta1", "2.1.0", "", true),
        (Scheme::Composer, "2.1beta1", "2.1.0.0-beta2", "", true),
        (Scheme::Composer, "2.1.0+build.5", "2.1.0", "", false),
        (Scheme::Composer, "2.1.0-stable", "", "2.1.0", true),
        (Scheme::Composer, "3.0.x-dev", "3.0.9", "", false),
        (Scheme::Nuget, "1.0", "1.0.0.0", "", false),
    ] {
        let end = match last {
            "" => End::Fixed(fixed.to_owned()),
            last => End::LastAffected(last.to_owned()),
        };
        let introduced = String::new();
        let interval = Interval { introduced, end };
        let got = is_affected(scheme, &interval, installed);
        assert_eq!(got, Ok(affected), "{scheme} {installed} {fixed}{last}");
    }
}
