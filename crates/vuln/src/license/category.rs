//! The usual class of a licence.
//!
//! The classes are those of Google's open-source office, which licence scanners share: forbidden,
//! restricted, reciprocal, notice, permissive, unencumbered. What is in none of them is unknown. The
//! table names SPDX ids, or their beginnings where all that follow belong to one class, and the
//! names without a version that older packages use.

use rampart_model::scan::LicenseCategory::{
    self, Forbidden, Notice, Permissive, Reciprocal, Restricted, Unencumbered, Unknown,
};

/// The longest beginning that fits decides.
const ALL: &[(&str, LicenseCategory)] = &[
    ("0BSD", Unencumbered),
    ("AGPL", Forbidden),
    ("Apache", Notice),
    ("Artistic", Notice),
    ("BSD", Notice),
    ("BSD License", Notice),
    ("BSD-like", Notice),
    ("BSDL", Notice),
    ("Expat", Notice),
    ("GFDL", Restricted),
    ("GNU Affero ", Forbidden),
    ("GNU Free ", Restricted),
    ("GNU General ", Restricted),
    ("GNU Lesser ", Restricted),
    ("GNU Library ", Restricted),
    ("GPL", Restricted),
    ("GPLv", Restricted),
    ("LGPL", Restricted),
    ("LGPLv", Restricted),
    ("MPL", Reciprocal),
    ("PSF", Notice),
    ("Public Domain", Unencumbered),
    ("AAL", Notice),
    ("AFL-", Notice),
    ("AGPL-", Forbidden),
    ("APSL-", Reciprocal),
    ("Apache-", Notice),
    ("Artistic-", Notice),
    ("BCL", Restricted),
    ("BSD-", Notice),
    ("BSL-1.0", Notice),
    ("BUSL-", Forbidden),
    ("Beerware", Notice),
    ("BlueOak-", Permissive),
    ("CC-BY-", Notice),
    ("CC-BY-NC-", Forbidden),
    ("CC-BY-ND-", Restricted),
    ("CC-BY-SA-", Restricted),
    ("CC0-1.0", Unencumbered),
    ("CDDL-", Reciprocal),
    ("CECILL-2", Restricted),
    ("CECILL-B", Notice),
    ("CECILL-C", Restricted),
    ("CNRI-", Notice),
    ("CPAL-", Restricted),
    ("CPL-", Reciprocal),
    ("Commons-Clause", Forbidden),
    ("ECL-", Notice),
    ("EFL-", Notice),
    ("EPL-", Reciprocal),
    ("ErlPL-", Reciprocal),
    ("Elastic-", Forbidden),
    ("EUPL-", Restricted),
    ("FSF", Notice),
    ("FTL", Notice),
    ("Facebook-", Forbidden),
    ("GFDL-", Restricted),
    ("GPL-", Restricted),
    ("HPND", Notice),
    ("ICU", Notice),
    ("IJG", Notice),
    ("IPL-", Reciprocal),
    ("ISC", Notice),
    ("JSON", Notice),
    ("LGPL-", Restricted),
    ("LPL-", Notice),
    ("LPPL-", Notice),
    ("Libpng", Notice),
    ("libpng-2.0", Notice),
    ("libtiff", Notice),
    ("MIT", Notice),
    ("MPL-", Reciprocal),
    ("MS-PL", Notice),
    ("MS-RL", Reciprocal),
    ("NCSA", Notice),
    ("NPL-", Restricted),
    ("NTP", Notice),
    ("OFL-", Notice),
    ("OLDAP-", Notice),
    ("OSL-", Restricted),
    ("OpenSSL", Notice),
    ("PHP-", Notice),
    ("PSF-", Notice),
    ("PostgreSQL", Notice),
    ("Python-", Notice),
    ("QPL-", Restricted),
    ("Ruby", Reciprocal),
    ("SISSL", Reciprocal),
    ("SSPL-", Forbidden),
    ("Sendmail", Notice),
    ("Sleepycat", Restricted),
    ("TCL", Notice),
    ("UPL-", Notice),
    ("Unicode-", Notice),
    ("Unlicense", Unencumbered),
    ("Vim", Notice),
    ("W3C", Notice),
    ("WTFPL", Forbidden),
    ("X11", Notice),
    ("Xnet", Notice),
    ("ZPL-", Notice),
    ("Zend-", Notice),
    ("Zlib", Notice),
    ("blessing", Unencumbered),
    ("bzip2-", Notice),
    ("curl", Notice),
    ("mpich2", Notice),
    ("public-domain", Unencumbered),
    ("zlib-acknowledgement", Notice),
];

/// Exceptions that let a restricted licence's code be linked with anything.
const LINKING: &[&str] = &["Classpath-exception-", "GCC-exception-", "LLVM-exception"];

/// Of an SPDX id, perhaps `WITH` an exception, or of a name that begins like one.
pub fn default_category(license: &str) -> LicenseCategory {
    let (id, exception) = match license.split_once(" WITH ") {
        Some((id, exception)) => (id, exception),
        None => (license, ""),
    };
    let category = ALL
        .iter()
        .filter(|(start, _)| begins(id, start))
        .max_by_key(|(start, _)| start.len())
        .map_or(Unknown, |(_, category)| *category);
    let linking = LINKING.iter().any(|start| begins(exception, start));
    if category == Restricted && linking {
        return Reciprocal;
    }
    category
}

fn begins(text: &str, start: &str) -> bool {
    // A row without a dash or space at its end is a whole id.
    let whole = !start.ends_with(['-', ' '])
        && !matches!(
            start,
            "FSF" | "GPLv" | "HPND" | "LGPLv" | "MIT" | "W3C" | "X11"
        );
    match text.get(..start.len()) {
        Some(head) if head.eq_ignore_ascii_case(start) => !whole || text.len() == start.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_table_begin_ids_of_the_list() {
        let own = [
            "BCL",
            "CECILL-2",
            "Commons-Clause",
            "Facebook-",
            "public-domain",
        ];
        // Names without a version are nobody's ids.
        let ids = ALL
            .iter()
            .filter(|row| row.0.contains('-') && row.0 != "BSD-like");
        for (start, _) in ids {
            let listed = spdx::identifiers::LICENSES
                .iter()
                .any(|license| begins(license.name, start));
            assert!(listed || own.contains(start), "{start}");
        }
    }

    #[test]
    fn usual_classes() {
        for (license, category) in [
            ("MIT", Notice),
            ("mit", Notice),
            ("MIT-0", Notice),
            ("GPL-2.0-or-later", Restricted),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Reciprocal),
            ("LGPL-2.1-or-later", Restricted),
            ("AGPL-3.0-only", Forbidden),
            ("Apache-2.0", Notice),
            ("Apache-2.0 WITH LLVM-exception", Notice),
            ("MPL-2.0", Reciprocal),
            ("CC0-1.0", Unencumbered),
            ("CC-BY-4.0", Notice),
            ("CC-BY-SA-4.0", Restricted),
            ("CC-BY-NC-SA-4.0", Forbidden),
            ("WTFPL", Forbidden),
            ("ISC", Notice),
            ("ISCX", Unknown),
            ("Acme-1.0", Unknown),
            ("", Unknown),
            ("GPLv2+ with exceptions", Restricted),
            ("LGPL", Restricted),
            ("GNU Lesser General Public License v3 or later", Restricted),
            ("BSD License", Notice),
        ] {
            assert_eq!(default_category(license), category, "{license}");
        }
    }
}
