//! What several parsers share: identifiers, CVSS vectors, lenient lists.

use crate::output::one_line;
use rampart_model::scan::{Cvss, Severity};
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// `CVE-YYYY-NNNN…`.
pub(super) fn is_cve(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("CVE-") else {
        return false;
    };
    let Some((year, number)) = rest.split_once('-') else {
        return false;
    };
    year.len() == 4
        && number.len() >= 4
        && number.len() <= 19
        && year
            .bytes()
            .chain(number.bytes())
            .all(|b| b.is_ascii_digit())
}

/// The CVE a distribution's own id speaks of: `UBUNTU-CVE-2024-1234`, `DEBIAN-CVE-2024-1234`.
pub(super) fn embedded_cve(id: &str) -> Option<&str> {
    let cve = id.get(id.find("CVE-")?..)?;
    is_cve(cve).then_some(cve)
}

/// A list or a text that some feeds give as `null`.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A published vector and its base score. `None` if it is none.
pub(super) fn cvss(source: &str, vector: &str) -> Option<Cvss> {
    rampart_vuln::cvss::scored(source, vector.trim().trim_matches(['(', ')'])).ok()
}

/// A score from 0 to 10 in tenths; `None` outside.
pub(super) fn tenths(score: f64) -> Option<u8> {
    if !(0.0..=10.0).contains(&score) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 100"
    )]
    let tenths = (score * 10.0).round() as u8;
    Some(tenths)
}

/// The first word of `Important: nodejs:18 security update`, if it is a severity.
pub(super) fn severity_of_title(title: &str) -> Option<Severity> {
    let (word, _) = title.split_once(':')?;
    match word.trim() {
        "" => None,
        word => Severity::from_str(word).ok(),
    }
}

/// `name:stream` out of `Important: nodejs:18 security update` or `new module: ruby:2.6`.
pub(super) fn module_of_title(title: &str) -> Option<&str> {
    title.split_whitespace().find(|word| {
        word.split_once(':').is_some_and(|(name, stream)| {
            !name.is_empty() && !stream.is_empty() && !stream.contains([':', '/'])
        })
    })
}

/// What an erratum's text says of one CVE: the line `* name: what is wrong (CVE-…)`.
pub(super) fn line_about(details: &str, cve: &str) -> Option<String> {
    let line = details.lines().find(|line| line.contains(cve))?;
    let end = line.find(cve)?;
    let text = line.get(..end)?.trim().trim_start_matches(['*', '-', ' ']);
    let text = text.trim_end_matches(['(', ' ', ',', ':']);
    (text.len() > 8 && !text.contains("CVE-")).then(|| one_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_ids() {
        for (text, is) in [
            ("CVE-2024-1234", true),
            ("CVE-2024-1234567", true),
            ("CVE-2024-123", false),
            ("CVE-24-1234", false),
            ("CVE-2024-12x4", false),
            ("CVE_2024-1234", false),
            ("GHSA-aaaa-bbbb-cccc", false),
        ] {
            assert_eq!(is_cve(text), is, "{text}");
        }
        assert_eq!(embedded_cve("UBUNTU-CVE-2024-1234"), Some("CVE-2024-1234"));
        assert_eq!(embedded_cve("DSA-1234-1"), None);
    }

    #[test]
    fn vectors_have_scores() {
        for (vector, version, tenths) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 98),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "3.0", 75),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", "2.0", 75),
            ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", "2.0", 100),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                "4.0",
                93,
            ),
        ] {
            let cvss = cvss("nvd", vector).unwrap();
            assert_eq!(
                (cvss.version.as_str(), cvss.score_tenths),
                (version, tenths)
            );
        }
        for bad in ["", "medium", "CVSS:3.1/AV:N", "CVSS:9.9/AV:N", "7.5"] {
            assert_eq!(cvss("nvd", bad), None, "{bad}");
        }
    }

    #[test]
    fn errata_titles() {
        assert_eq!(
            severity_of_title("Important: nodejs:18 security update"),
            Some(Severity::High)
        );
        assert_eq!(severity_of_title("lvm2 bug fix"), None);
        assert_eq!(
            module_of_title("Important: nodejs:18 security update"),
            Some("nodejs:18")
        );
        assert_eq!(module_of_title("new module: ruby:2.6"), Some("ruby:2.6"));
        assert_eq!(module_of_title("Low: vim security update"), None);
        assert_eq!(
            line_about(
                "Fixes:\n\n* vim: no check of the return value (CVE-2022-47024)\n",
                "CVE-2022-47024"
            ),
            Some("vim: no check of the return value".to_owned())
        );
    }
}
