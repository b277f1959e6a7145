//! When each release of a distribution stops getting security updates.
//!
//! Our own collection of what the vendors announce, as the last day of free security support, and
//! of the paid or opt-in one after it where there is one (Ubuntu ESM, RHEL ELS, SLES LTSS). For
//! Debian the day is that of LTS, whose updates come from the same archive. A release that is not
//! listed has no known end: nothing is said of it. Rolling distributions have none.
//!
//! Where the days come from, as of 2026-11-25: Debian and Ubuntu from the package distro-info-data
//! 0.58+deb12u6, which a test compares them with where it is installed. Alpine, Fedora, RHEL, SLES
//! to 15.5 and openSUSE agree with the public tables of the endoflife.date project (states between
//! December 2024 and February 2026), which quote the vendors' pages. Announced by the vendors and not
//! compared with a second source: Oracle's extended support, SLES from 15.6, Photon, Mariner and Azure
//! Linux, Amazon Linux, AlmaLinux and Rocky 10. Where a vendor names a month, its last day is taken.

use rampart_model::package::Distro;

/// The last days of support, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    pub ends: &'static str,
    /// Empty where there is no such support.
    pub extended_ends: &'static str,
}

type Row = (&'static str, &'static str, &'static str, &'static str);

/// Family, release as in [`Distro::version`], end, end of extended support.
#[rustfmt::skip]
const ALL: &[Row] = &[
    ("debian", "6", "2016-02-29", ""),
    ("debian", "7", "2018-05-31", ""),
    ("debian", "8", "2020-06-30", ""),
    ("debian", "9", "2022-06-30", ""),
    ("debian", "10", "2024-06-30", ""),
    ("debian", "11", "2026-08-31", ""),
    ("debian", "12", "2028-06-30", ""),
    ("debian", "13", "2030-06-30", ""),
    ("ubuntu", "10.04", "2015-04-30", ""),
    ("ubuntu", "12.04", "2017-04-28", "2019-04-26"),
    ("ubuntu", "12.10", "2014-05-16", ""),
    ("ubuntu", "13.04", "2014-01-27", ""),
    ("ubuntu", "13.10", "2014-07-17", ""),
    ("ubuntu", "14.04", "2019-04-25", "2024-04-25"),
    ("ubuntu", "14.10", "2015-07-23", ""),
    ("ubuntu", "15.04", "2016-02-04", ""),
    ("ubuntu", "15.10", "2016-07-28", ""),
    ("ubuntu", "16.04", "2021-04-30", "2026-04-23"),
    ("ubuntu", "16.10", "2017-07-20", ""),
    ("ubuntu", "17.04", "2018-01-13", ""),
    ("ubuntu", "17.10", "2018-07-19", ""),
    ("ubuntu", "18.04", "2023-05-31", "2028-04-26"),
    ("ubuntu", "18.10", "2019-07-18", ""),
    ("ubuntu", "19.04", "2020-01-23", ""),
    ("ubuntu", "19.10", "2020-07-17", ""),
    ("ubuntu", "20.04", "2025-05-29", "2030-04-23"),
    ("ubuntu", "20.10", "2021-07-22", ""),
    ("ubuntu", "21.04", "2022-01-20", ""),
    ("ubuntu", "21.10", "2022-07-14", ""),
    ("ubuntu", "22.04", "2027-06-01", "2032-04-21"),
    ("ubuntu", "22.10", "2023-07-20", ""),
    ("ubuntu", "23.04", "2024-01-25", ""),
    ("ubuntu", "23.10", "2024-07-11", ""),
    ("ubuntu", "24.04", "2029-05-31", "2034-04-25"),
    ("ubuntu", "24.10", "2025-07-10", ""),
    ("ubuntu", "25.04", "2026-01-15", ""),
    ("ubuntu", "25.10", "2026-07-09", ""),
    ("ubuntu", "26.04", "2031-05-29", "2036-04-23"),
    ("alpine", "3.0", "2016-05-01", ""),
    ("alpine", "3.1", "2016-11-01", ""),
    ("alpine", "3.2", "2017-05-01", ""),
    ("alpine", "3.3", "2017-11-01", ""),
    ("alpine", "3.4", "2018-05-01", ""),
    ("alpine", "3.5", "2018-11-01", ""),
    ("alpine", "3.6", "2019-05-01", ""),
    ("alpine", "3.7", "2019-11-01", ""),
    ("alpine", "3.8", "2020-05-01", ""),
    ("alpine", "3.9", "2020-11-01", ""),
    ("alpine", "3.10", "2021-05-01", ""),
    ("alpine", "3.11", "2021-11-01", ""),
    ("alpine", "3.12", "2022-05-01", ""),
    ("alpine", "3.13", "2022-11-01", ""),
    ("alpine", "3.14", "2023-05-01", ""),
    ("alpine", "3.15", "2023-11-01", ""),
    ("alpine", "3.16", "2024-05-23", ""),
    ("alpine", "3.17", "2024-11-22", ""),
    ("alpine", "3.18", "2025-05-09", ""),
    ("alpine", "3.19", "2025-11-01", ""),
    ("alpine", "3.20", "2026-04-01", ""),
    ("alpine", "3.21", "2026-11-01", ""),
    ("alpine", "3.22", "2027-05-01", ""),
    ("alpine", "3.23", "2027-11-01", ""),
    ("rhel", "5", "2017-03-31", "2020-11-30"),
    ("rhel", "6", "2020-11-30", "2024-06-30"),
    ("rhel", "7", "2024-06-30", "2028-06-30"),
    ("rhel", "8", "2029-05-31", "2032-05-31"),
    ("rhel", "9", "2032-05-31", "2035-05-31"),
    ("rhel", "10", "2035-05-31", "2038-05-31"),
    ("centos", "5", "2017-03-31", ""),
    ("centos", "6", "2020-11-30", ""),
    ("centos", "7", "2024-06-30", ""),
    ("centos", "8", "2021-12-31", ""),
    ("centos-stream", "8", "2024-05-31", ""),
    ("centos-stream", "9", "2027-05-31", ""),
    ("centos-stream", "10", "2030-05-31", ""),
    ("almalinux", "8", "2029-03-01", ""),
    ("almalinux", "9", "2032-05-31", ""),
    ("almalinux", "10", "2035-05-31", ""),
    ("rocky", "8", "2029-05-31", ""),
    ("rocky", "9", "2032-05-31", ""),
    ("rocky", "10", "2035-05-31", ""),
    ("ol", "5", "2017-06-30", "2020-11-30"),
    ("ol", "6", "2021-03-31", "2024-12-31"),
    ("ol", "7", "2024-12-31", "2028-06-30"),
    ("ol", "8", "2029-07-31", "2032-07-31"),
    ("ol", "9", "2032-06-30", "2035-06-30"),
    ("ol", "10", "2035-06-30", "2038-06-30"),
    ("scientific", "6", "2020-11-30", ""),
    ("scientific", "7", "2024-06-30", ""),
    ("amzn", "1", "2023-12-31", ""),
    ("amzn", "2", "2026-06-30", ""),
    ("amzn", "2023", "2029-06-30", ""),
    ("sles", "11.1", "2012-08-31", "2015-08-30"),
    ("sles", "11.2", "2014-01-31", "2017-01-30"),
    ("sles", "11.3", "2016-01-31", "2019-01-30"),
    ("sles", "11.4", "2019-03-31", "2022-03-31"),
    ("sles", "12", "2016-06-30", "2019-07-01"),
    ("sles", "12.1", "2017-05-31", "2020-05-31"),
    ("sles", "12.2", "2018-03-31", "2021-03-31"),
    ("sles", "12.3", "2019-06-30", "2022-06-30"),
    ("sles", "12.4", "2020-06-30", "2023-06-30"),
    ("sles", "12.5", "2024-10-31", "2027-10-31"),
    ("sles", "15", "2019-12-31", "2022-12-31"),
    ("sles", "15.1", "2021-01-31", "2024-01-31"),
    ("sles", "15.2", "2021-12-31", "2024-12-31"),
    ("sles", "15.3", "2022-12-31", "2025-12-31"),
    ("sles", "15.4", "2023-12-31", "2026-12-31"),
    ("sles", "15.5", "2024-12-31", "2027-12-31"),
    ("sles", "15.6", "2025-12-31", "2028-12-31"),
    ("sles", "15.7", "2031-07-31", "2034-07-31"),
    ("sles", "16.0", "2027-11-30", "2030-11-30"),
    ("opensuse-leap", "42.1", "2017-05-17", ""),
    ("opensuse-leap", "42.2", "2018-01-26", ""),
    ("opensuse-leap", "42.3", "2019-07-01", ""),
    ("opensuse-leap", "15.0", "2019-12-03", ""),
    ("opensuse-leap", "15.1", "2021-02-02", ""),
    ("opensuse-leap", "15.2", "2022-01-04", ""),
    ("opensuse-leap", "15.3", "2022-12-31", ""),
    ("opensuse-leap", "15.4", "2023-12-07", ""),
    ("opensuse-leap", "15.5", "2024-12-31", ""),
    ("opensuse-leap", "15.6", "2026-04-30", ""),
    ("opensuse-leap", "16.0", "2027-10-31", ""),
    ("photon", "1.0", "2022-02-28", ""),
    ("photon", "2.0", "2022-12-31", ""),
    ("photon", "3.0", "2024-02-29", ""),
    ("photon", "4.0", "2026-02-28", ""),
    ("mariner", "1.0", "2023-07-31", ""),
    ("mariner", "2.0", "2025-07-31", ""),
    ("azurelinux", "3.0", "2027-07-31", ""),
    ("fedora", "25", "2017-12-12", ""),
    ("fedora", "26", "2018-05-29", ""),
    ("fedora", "27", "2018-11-30", ""),
    ("fedora", "28", "2019-05-28", ""),
    ("fedora", "29", "2019-11-26", ""),
    ("fedora", "30", "2020-05-26", ""),
    ("fedora", "31", "2020-11-24", ""),
    ("fedora", "32", "2021-05-25", ""),
    ("fedora", "33", "2021-11-30", ""),
    ("fedora", "34", "2022-06-07", ""),
    ("fedora", "35", "2022-12-13", ""),
    ("fedora", "36", "2023-05-16", ""),
    ("fedora", "37", "2023-12-05", ""),
    ("fedora", "38", "2024-05-21", ""),
    ("fedora", "39", "2024-11-26", ""),
    ("fedora", "40", "2025-05-13", ""),
    ("fedora", "41", "2025-12-15", ""),
    ("fedora", "42", "2026-05-13", ""),
    ("fedora", "43", "2026-12-09", ""),
];

/// Ids of the same releases under another name.
const SAME: &[(&str, &str)] = &[
    ("raspbian", "debian"),
    ("redhat", "rhel"),
    ("sled", "sles"),
    ("sles_sap", "sles"),
    ("cbl-mariner", "mariner"),
];

/// What is known of the release's support.
pub fn support(distro: &Distro) -> Option<Support> {
    let id = distro.id.as_str();
    let same = SAME.iter().find(|(other, _)| *other == id);
    let family = match same {
        Some((_, family)) => family,
        None if id == "centos" && distro.name.contains("Stream") => "centos-stream",
        None => id,
    };
    let row = ALL
        .iter()
        .find(|row| row.0 == family && row.1 == distro.version)?;
    Some(Support {
        ends: row.2,
        extended_ends: row.3,
    })
}

/// Says in `distro` whether its support has ended on the day `today`, `YYYY-MM-DD`.
pub fn mark(distro: &mut Distro, today: &str) {
    let known = support(distro);
    distro.end_of_life = known.is_some_and(|support| support.ends < today);
    distro.end_of_life_date = known.map_or_else(String::new, |support| support.ends.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn distro(id: &str, version: &str) -> Distro {
        Distro {
            id: id.to_owned(),
            version: version.to_owned(),
            ..Distro::default()
        }
    }

    #[test]
    fn the_table_holds_each_release_once_with_dates_in_order() {
        let mut seen = HashSet::new();
        for (family, release, ends, extended) in ALL {
            assert!(seen.insert((family, release)), "{family} {release} twice");
            for date in [ends, extended].into_iter().filter(|date| !date.is_empty()) {
                assert!(
                    date.parse::<jiff::civil::Date>().is_ok(),
                    "{family} {release}: {date}"
                );
            }
            assert!(extended.is_empty() || extended > ends, "{family} {release}");
        }
    }

    #[test]
    fn the_last_day_is_supported_and_the_next_is_not() {
        for (id, version, today, over) in [
            ("debian", "11", "2026-08-31", false),
            ("debian", "11", "2026-09-01", true),
            ("raspbian", "9", "2026-01-01", true),
            ("ubuntu", "18.04", "2026-01-01", true),
            ("alpine", "3.19", "2025-10-31", false),
            ("wolfi", "", "2026-01-01", false),
            ("debian", "99", "2026-01-01", false),
        ] {
            let mut distro = distro(id, version);
            mark(&mut distro, today);
            assert_eq!(distro.end_of_life, over, "{id} {version} on {today}");
        }
    }

    #[test]
    fn extended_support_and_streams_are_told_apart() {
        let bionic = support(&distro("ubuntu", "18.04")).unwrap();
        assert_eq!(
            (bionic.ends, bionic.extended_ends),
            ("2023-05-31", "2028-04-26")
        );
        let mut centos = distro("centos", "8");
        assert_eq!(support(&centos).unwrap().ends, "2021-12-31");
        centos.name = "CentOS Stream 8".to_owned();
        assert_eq!(support(&centos).unwrap().ends, "2024-05-31");
        assert_eq!(support(&distro("arch", "")), None);
    }
}
