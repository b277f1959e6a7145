//! Licence texts: as SPDX writes them, and judged by a policy.
//!
//! Holds: no panic, what was normalised stays as it is, a licence that a policy forbids by its own
//! text is forbidden, and one that it ignores is not spoken of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::scan::LicenseCategory;
use rampart_vuln::{analyze::license::normalise, license::Policy};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let license = normalise(&text);
    assert_eq!(normalise(&license), license);
    assert!(Policy::default().judge(&license).is_some());
    if license.ends_with('*') {
        return;
    }
    let own = [license.clone()];
    let forbidden = Policy::default().with(LicenseCategory::Forbidden, &own);
    assert_eq!(forbidden.judge(&license), Some(LicenseCategory::Forbidden));
    assert_eq!(Policy::default().ignore(&own).judge(&license), None);
});
