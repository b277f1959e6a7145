//! Licences as people write them out: long names, and addresses of their texts.
//!
//! Only what leaves no doubt is here: `BSD License` may be one of several, `LGPL` any version.

/// After [`plain`], and their SPDX ids.
const NAMES: &[(&str, &str)] = &[
    ("2-clause bsd license", "BSD-2-Clause"),
    ("3-clause bsd license", "BSD-3-Clause"),
    ("apache 2", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache 2.0 license", "Apache-2.0"),
    ("apache license 2", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache-2.0 license", "Apache-2.0"),
    ("artistic license 2.0", "Artistic-2.0"),
    ("boost license 1.0", "BSL-1.0"),
    ("bouncy castle license", "MIT"),
    ("bsd 2-clause", "BSD-2-Clause"),
    ("bsd 2-clause license", "BSD-2-Clause"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("bsd 3-clause license", "BSD-3-Clause"),
    ("bsd-2-clause license", "BSD-2-Clause"),
    ("bsd-3-clause license", "BSD-3-Clause"),
    ("cc0 1.0 universal", "CC0-1.0"),
    (
        "common development and distribution license 1.0",
        "CDDL-1.0",
    ),
    ("eclipse distribution license 1.0", "BSD-3-Clause"),
    ("eclipse public license 1.0", "EPL-1.0"),
    ("eclipse public license 2.0", "EPL-2.0"),
    ("edl 1.0", "BSD-3-Clause"),
    ("epl 1.0", "EPL-1.0"),
    ("epl 2.0", "EPL-2.0"),
    ("isc license", "ISC"),
    ("isc license (iscl)", "ISC"),
    ("mit license", "MIT"),
    ("modified bsd license", "BSD-3-Clause"),
    ("mozilla public license 1.1", "MPL-1.1"),
    ("mozilla public license 2.0", "MPL-2.0"),
    ("mozilla public license 2.0 (mpl 2.0)", "MPL-2.0"),
    ("mpl 1.1", "MPL-1.1"),
    ("mpl 2.0", "MPL-2.0"),
    ("new bsd license", "BSD-3-Clause"),
    ("psfl", "PSF-2.0"),
    ("python foundation license", "PSF-2.0"),
    ("revised bsd license", "BSD-3-Clause"),
    ("simplified bsd license", "BSD-2-Clause"),
    ("unlicense (unlicense)", "Unlicense"),
    ("zope public license 2.1", "ZPL-2.1"),
];

/// What an address holds, without its scheme and `www.`.
const ADDRESSES: &[(&str, &str)] = &[
    ("apache.org/licenses/license-2.0", "Apache-2.0"),
    ("eclipse.org/legal/epl-2.0", "EPL-2.0"),
    ("eclipse.org/legal/epl-v10", "EPL-1.0"),
    ("eclipse.org/legal/epl-v20", "EPL-2.0"),
    ("eclipse.org/org/documents/edl-v10", "BSD-3-Clause"),
    ("eclipse.org/org/documents/epl-v10", "EPL-1.0"),
    ("mozilla.org/en-us/mpl/2.0", "MPL-2.0"),
    ("mozilla.org/mpl/2.0", "MPL-2.0"),
    ("mozilla.org/mpl/mpl-1.1", "MPL-1.1"),
    ("opensource.org/license/apache-2-0", "Apache-2.0"),
    ("opensource.org/license/mit", "MIT"),
    ("opensource.org/licenses/apache-2.0", "Apache-2.0"),
    ("opensource.org/licenses/apache2.0", "Apache-2.0"),
    ("opensource.org/licenses/bsd-2-clause", "BSD-2-Clause"),
    ("opensource.org/licenses/bsd-3-clause", "BSD-3-Clause"),
    ("opensource.org/licenses/isc", "ISC"),
    ("opensource.org/licenses/mit", "MIT"),
    ("repository.jboss.org/licenses/apache-2.0", "Apache-2.0"),
    ("unlicense.org", "Unlicense"),
];

const LONGEST: usize = 120;
const WITH_BLANKS: usize = 1024;

/// The SPDX id, if the words are those of one licence.
pub(super) fn id(text: &str) -> Option<&'static str> {
    if text.len() > WITH_BLANKS {
        return None;
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.len() > LONGEST {
        return None;
    }
    let lower = words.to_ascii_lowercase();
    let mut schemes = ["https://", "http://"].into_iter();
    if let Some(address) = schemes.find_map(|scheme| lower.strip_prefix(scheme)) {
        // Something behind it may say more, and a shortened text is not all there is.
        if address.contains([' ', '…']) {
            return None;
        }
        let address = address.strip_prefix("www.").unwrap_or(address);
        return ADDRESSES
            .iter()
            .find(|(start, _)| address.starts_with(start))
            .map(|(_, id)| *id);
    }
    let plain = plain(&lower);
    NAMES
        .iter()
        .find(|(name, _)| *name == plain)
        .map(|(_, id)| *id)
}

/// Without the words that people put in and leave out: `The Apache Software License, Version 2.0`
/// is `apache license 2.0`.
fn plain(lower: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in lower.split([' ', ',']) {
        match word {
            "" | "the" | "software" | "version" | "v" | "v." | "-" => {}
            "licence" => words.push("license"),
            _ => {
                let bare = word.strip_prefix('v').unwrap_or(word);
                let numbered = bare.starts_with(|c: char| c.is_ascii_digit());
                words.push(if numbered { bare } else { word });
            }
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn words_and_addresses() {
        for (text, want) in [
            (
                "The Apache Software License, Version 2.0",
                Some("Apache-2.0"),
            ),
            ("Apache License, version 2.0", Some("Apache-2.0")),
            ("Apache 2.0", Some("Apache-2.0")),
            (
                "https://www.apache.org/licenses/LICENSE-2.0.txt",
                Some("Apache-2.0"),
            ),
            (
                "http://www.opensource.org/licenses/mit-license.php",
                Some("MIT"),
            ),
            ("Eclipse Public License - v 1.0", Some("EPL-1.0")),
            ("Mozilla Public License 2.0 (MPL 2.0)", Some("MPL-2.0")),
            ("MIT Licence", Some("MIT")),
            ("ISC License (ISCL)", Some("ISC")),
            ("Python Software Foundation License", Some("PSF-2.0")),
            ("BSD License", None),
            ("LGPL", None),
            ("https://example.org/licenses/mit", None),
            (" MIT \r\n  License\u{a0}", Some("MIT")),
            ("https://opensource.org/licenses/mit and more", None),
            ("https://opensource.org/licenses/mit…", None),
            ("", None),
        ] {
            assert_eq!(id(text), want, "{text}");
        }
    }
}
