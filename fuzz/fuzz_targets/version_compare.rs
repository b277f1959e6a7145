//! Versions of every scheme: a byte names the scheme, lines are versions.
//!
//! Holds: no panic, a text compares if and only if the scheme takes it, each equals itself, and
//! turning a pair around turns the answer around.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::package::PackageKind;
use rampart_vuln::version::{Scheme, compare, normalise_name};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.lines();
    let (a, b) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let count = Scheme::all().count();
    let scheme = Scheme::all()
        .nth(usize::from(*first) % count)
        .unwrap_or(Scheme::Generic);
    let taken = scheme.check(a).is_ok() && scheme.check(b).is_ok();
    let order = compare(scheme, a, b);
    assert_eq!(order.is_ok(), taken);
    if let Ok(order) = order {
        assert_eq!(compare(scheme, b, a), Ok(order.reverse()));
        assert!(compare(scheme, a, a).is_ok_and(|order| order.is_eq()));
    }
    for kind in PackageKind::ALL {
        let name = normalise_name(*kind, a);
        assert_eq!(normalise_name(*kind, &name), name, "{kind}");
    }
});
