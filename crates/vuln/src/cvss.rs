//! CVSS base scores out of vectors: versions 2.0, 3.0, 3.1 and 4.0.
//!
//! The formulas are those of the specifications (first.org/cvss); version 4.0's table of macro
//! vectors is the `cvss` crate's. Only base metrics count: temporal, threat and environmental ones
//! may be there, and are left out. Metrics may come in any order, as they do in feeds.
//!
//! Limits: a vector is at most [`MAX_BYTES`] long; a missing, unknown or repeated metric is an error.

use rampart_model::scan::Cvss;
use std::str::FromStr;

pub const MAX_BYTES: usize = 512;

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{vector}' is no CVSS vector: {reason}")]
pub struct InvalidVector {
    /// Shortened.
    pub vector: String,
    pub reason: &'static str,
}

/// A vector with its version and base score, ready for a record.
pub fn scored(source: &str, vector: &str) -> Result<Cvss, InvalidVector> {
    let text = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let (version, score_tenths) = score(text).map_err(|reason| InvalidVector {
        vector: vector.chars().take(80).collect(),
        reason,
    })?;
    Ok(Cvss {
        source: source.to_owned(),
        version: version.to_owned(),
        vector: text.to_owned(),
        score_tenths,
    })
}

fn score(vector: &str) -> Result<(&'static str, u8), &'static str> {
    if vector.len() > MAX_BYTES {
        return Err("it is too long");
    }
    let (prefix, rest) = match vector.split_once('/') {
        Some((prefix, rest)) if prefix.starts_with("CVSS:") => (prefix, rest),
        _ => ("", vector),
    };
    let metrics = Metrics::read(rest)?;
    match prefix {
        "CVSS:4.0" => Ok(("4.0", v4(&metrics)?)),
        "CVSS:3.1" => Ok(("3.1", v3(&metrics, true)?)),
        "CVSS:3.0" => Ok(("3.0", v3(&metrics, false)?)),
        "" | "CVSS:2.0" => Ok(("2.0", v2(&metrics)?)),
        _ => Err("its version is not known"),
    }
}

/// Name and value of each metric.
struct Metrics<'a> {
    all: Vec<(&'a str, &'a str)>,
}

impl<'a> Metrics<'a> {
    fn read(text: &'a str) -> Result<Self, &'static str> {
        let mut all: Vec<(&str, &str)> = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once(':').ok_or("a metric has no value")?;
            if all.iter().any(|(has, _)| *has == name) {
                return Err("a metric is there twice");
            }
            all.push((name, value));
        }
        Ok(Self { all })
    }

    fn get(&self, name: &str) -> Result<&'a str, &'static str> {
        let found = self.all.iter().find(|(has, _)| *has == name);
        found
            .map(|(_, value)| *value)
            .ok_or("a base metric is missing")
    }

    fn weight(&self, name: &str, weights: &[(&str, f64)]) -> Result<f64, &'static str> {
        let value = self.get(name)?;
        let found = weights.iter().find(|(has, _)| *has == value);
        found
            .map(|(_, weight)| *weight)
            .ok_or("a base metric has a value that is not known")
    }
}

fn v2(metrics: &Metrics<'_>) -> Result<u8, &'static str> {
    let of = |name: &str| metrics.weight(name, &[("N", 0.0), ("P", 0.275), ("C", 0.660)]);
    let impact = 10.41 * (1.0 - (1.0 - of("C")?) * (1.0 - of("I")?) * (1.0 - of("A")?));
    let vector = metrics.weight("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?;
    let complexity = metrics.weight("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?;
    let authentication = metrics.weight("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let exploitability = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * factor;
    Ok(whole((score * 10.0).round()))
}

/// `exact`: version 3.1's rounding, which does not lift 4.000001 to 4.1.
fn v3(metrics: &Metrics<'_>, exact: bool) -> Result<u8, &'static str> {
    let of = |name: &str| metrics.weight(name, &[("N", 0.0), ("L", 0.22), ("H", 0.56)]);
    let changed = match metrics.get("S")? {
        "U" => false,
        "C" => true,
        _ => return Err("a base metric has a value that is not known"),
    };
    let privileges: &[(&str, f64)] = match changed {
        true => &[("N", 0.85), ("L", 0.68), ("H", 0.5)],
        false => &[("N", 0.85), ("L", 0.62), ("H", 0.27)],
    };
    let exploitability = 8.22
        * metrics.weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * metrics.weight("AC", &[("L", 0.77), ("H", 0.44)])?
        * metrics.weight("PR", privileges)?
        * metrics.weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let base = 1.0 - (1.0 - of("C")?) * (1.0 - of("I")?) * (1.0 - of("A")?);
    let impact = match changed {
        true => 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15),
        false => 6.42 * base,
    };
    if impact <= 0.0 {
        return Ok(0);
    }
    let factor = if changed { 1.08 } else { 1.0 };
    let score = (factor * (impact + exploitability)).min(10.0);
    if !exact {
        return Ok(whole((score * 10.0).ceil()));
    }
    let fine = (score * 100_000.0).round();
    let tenths = fine / 10_000.0;
    Ok(whole(if fine % 10_000.0 == 0.0 {
        tenths
    } else {
        tenths.floor() + 1.0
    }))
}

fn v4(metrics: &Metrics<'_>) -> Result<u8, &'static str> {
    const BASE: [&str; 11] = [
        "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA",
    ];
    let mut base = String::from("CVSS:4.0");
    for name in BASE {
        base.push_str(&format!("/{name}:{}", metrics.get(name)?));
    }
    let vector = ::cvss::v4::Vector::from_str(&base)
        .map_err(|_| "a base metric has a value that is not known")?;
    Ok(whole((vector.score().value() * 10.0).round()))
}

/// A whole number of tenths, 0 to 100.
fn whole(tenths: f64) -> u8 {
    (0..=100_u8)
        .find(|&whole| f64::from(whole) >= tenths)
        .unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vector: &str, version: &str, tenths: u8) {
        let cvss = scored("nvd", vector).unwrap();
        assert_eq!(
            (cvss.version.as_str(), cvss.score_tenths),
            (version, tenths),
            "{vector}"
        );
    }

    /// The examples of the specifications and their companions, and well-known vulnerabilities.
    #[test]
    fn published_scores() {
        // Version 2.0's guide: CVE-2002-0392, CVE-2003-0818, CVE-2003-0062.
        check("AV:N/AC:L/Au:N/C:N/I:N/A:C", "2.0", 78);
        check("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", "2.0", 100);
        check("AV:L/AC:H/Au:N/C:C/I:C/A:C", "2.0", 62);
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P", "2.0", 75);
        check("AV:N/AC:M/Au:N/C:N/I:P/A:N", "2.0", 43);
        check("AV:L/AC:L/Au:N/C:N/I:N/A:N", "2.0", 0);
        // Version 3.1's examples: CVE-2013-1937, CVE-2013-0375, CVE-2014-3566, CVE-2012-1516,
        // CVE-2009-0783, CVE-2012-0384, CVE-2015-1098, CVE-2014-0160, CVE-2014-6271, CVE-2008-1447.
        for (vector, tenths) in [
            ("AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61),
            ("AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 64),
            ("AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 31),
            ("AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 99),
            ("AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 42),
            ("AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 88),
            ("AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 78),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            ("AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 68),
            ("AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 68),
            ("AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0),
            ("AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 93),
        ] {
            check(&format!("CVSS:3.1/{vector}"), "3.1", tenths);
            check(&format!("CVSS:3.0/{vector}"), "3.0", tenths);
        }
        // Where the rounding of 3.0 and 3.1 differ.
        check("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", "3.1", 86);
        // Version 4.0's examples: CVE-2022-41741, CVE-2020-3549, CVE-2023-3089, CVE-2021-44714,
        // CVE-2022-21830, CVE-2014-0160, CVE-2021-44228.
        check(
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "4.0",
            73,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "4.0",
            77,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N",
            "4.0",
            83,
        );
        check(
            "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
            "4.0",
            46,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N",
            "4.0",
            51,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N/E:A",
            "4.0",
            87,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
            "4.0",
            100,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N",
            "4.0",
            0,
        );
    }

    #[test]
    fn order_and_other_groups_do_not_matter() {
        check(
            "CVSS:3.1/A:H/I:H/C:H/S:U/UI:N/PR:N/AC:L/AV:N/E:U/RL:O/RC:C",
            "3.1",
            98,
        );
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P/E:U/RL:OF/RC:C", "2.0", 75);
    }

    #[test]
    fn what_is_no_vector_is_an_error() {
        for vector in [
            "",
            "7.5",
            "CVSS:3.1/AV:N",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:X/C:H/I:H/A:H",
            "CVSS:5.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:Q/VA:N/SC:N/SI:N/SA:N",
            "CVSS:4.0/AV:N/AC:L",
        ] {
            assert!(scored("nvd", vector).is_err(), "{vector}");
        }
        assert!(scored("nvd", &"AV:N/".repeat(200)).is_err());
    }
}
