//! OSV's ecosystem names to buckets.
//!
//! `npm`, `Debian:12`, `Ubuntu:Pro:FIPS:20.04:LTS`, `Alpine:v3.19`, `SUSE:Linux Enterprise Server 15
//! SP5`: the part before the first colon names it, the rest is a release in the vendor's own words.

use super::{debian, platform, ubuntu};
use rampart_model::package::PackageKind;
use rampart_vuln::advisory::Bucket;

/// Why an affected entry has no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBucket {
    /// Not an ecosystem whose packages are scanned: actions, kernels by commit, fuzzed repositories.
    NotScanned,
    /// A distribution without its release.
    NoRelease,
}

impl NoBucket {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NotScanned => "ecosystem not scanned",
            Self::NoRelease => "distribution without release",
        }
    }
}

const LANGUAGES: &[(&str, PackageKind)] = &[
    ("npm", PackageKind::Npm),
    ("PyPI", PackageKind::Pypi),
    ("RubyGems", PackageKind::Gem),
    ("crates.io", PackageKind::Cargo),
    ("Go", PackageKind::Golang),
    ("Maven", PackageKind::Maven),
    ("Packagist", PackageKind::Composer),
    ("NuGet", PackageKind::Nuget),
    ("Pub", PackageKind::Pub),
    ("Hex", PackageKind::Hex),
    ("ConanCenter", PackageKind::Conan),
    ("CRAN", PackageKind::Cran),
    ("Hackage", PackageKind::Hackage),
    ("SwiftURL", PackageKind::Swift),
];

/// Distributions without releases: the rest of the name is of no use.
const ROLLING: &[(&str, &str)] = &[
    ("Wolfi", "wolfi"),
    ("Chainguard", "chainguard"),
    ("MinimOS", "minimos"),
    ("Echo", "echo"),
    ("Alpaquita", "alpaquita"),
];

/// Distributions whose release is the rest of the name.
const RELEASED: &[(&str, &str)] = &[
    ("AlmaLinux", "almalinux"),
    ("Rocky Linux", "rocky"),
    ("Mageia", "mageia"),
    ("openEuler", "openeuler"),
    ("Photon OS", "photon"),
    ("Azure Linux", "azurelinux"),
];

pub(super) fn bucket(ecosystem: &str) -> Result<Bucket, NoBucket> {
    let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    let release = release.trim();
    if let Some((_, kind)) = LANGUAGES.iter().find(|(known, _)| *known == name) {
        return Ok(Bucket::Language(*kind));
    }
    if let Some((_, family)) = ROLLING.iter().find(|(known, _)| *known == name) {
        return Ok(Bucket::os(*family, ""));
    }
    if let Some((_, family)) = RELEASED.iter().find(|(known, _)| *known == name) {
        return needs(release).map(|release| Bucket::os(*family, release));
    }
    match name {
        "Debian" => needs(release)
            .map(|release| Bucket::os("debian", debian::release(release).unwrap_or(release))),
        "Alpine" => {
            needs(release).map(|release| Bucket::os("alpine", release.trim_start_matches('v')))
        }
        "Ubuntu" => ubuntu::osv_bucket(needs(release)?).ok_or(NoBucket::NoRelease),
        "Red Hat" => platform::bucket_of_cpe(&format!("cpe:/a:redhat:{}", needs(release)?))
            .ok_or(NoBucket::NotScanned),
        "SUSE" | "openSUSE" => {
            platform::bucket_of_suse(needs(release)?).ok_or(NoBucket::NotScanned)
        }
        _ => Err(NoBucket::NotScanned),
    }
}

fn needs(release: &str) -> Result<&str, NoBucket> {
    if release.is_empty() {
        Err(NoBucket::NoRelease)
    } else {
        Ok(release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_to_buckets() {
        for (ecosystem, expected) in [
            ("npm", "npm"),
            ("Maven:https://repo.example.org/m2", "maven"),
            ("crates.io", "cargo"),
            ("Debian:12", "os/debian/12"),
            ("Debian:bookworm", "os/debian/12"),
            ("Alpine:v3.19", "os/alpine/3.19"),
            ("Alpine:edge", "os/alpine/edge"),
            ("AlmaLinux:9", "os/almalinux/9"),
            ("Rocky Linux:8", "os/rocky/8"),
            ("Ubuntu:22.04:LTS", "os/ubuntu/22.04"),
            ("Ubuntu:Pro:16.04:LTS", "os/ubuntu/16.04/esm-apps"),
            (
                "Ubuntu:Pro:FIPS-updates:20.04:LTS",
                "os/ubuntu/20.04/fips-updates",
            ),
            ("Red Hat:enterprise_linux:9::appstream", "os/rhel/9"),
            ("Red Hat:rhel_eus:9.2::baseos", "os/rhel/9/eus-9.2"),
            ("SUSE:Linux Enterprise Server 15 SP5", "os/sles/15.5"),
            ("openSUSE:Leap 15.5", "os/opensuse-leap/15.5"),
            ("openSUSE:Tumbleweed", "os/opensuse-tumbleweed/"),
            ("Wolfi", "os/wolfi/"),
        ] {
            assert_eq!(
                bucket(ecosystem).map(|bucket| bucket.to_string()),
                Ok(expected.to_owned()),
                "{ecosystem}"
            );
        }
        assert_eq!(bucket("Debian"), Err(NoBucket::NoRelease));
        assert_eq!(bucket("GitHub Actions"), Err(NoBucket::NotScanned));
        assert_eq!(bucket("Linux"), Err(NoBucket::NotScanned));
    }
}
