//! Platforms as vendors name them, by CPE or in words, to buckets.

use rampart_vuln::advisory::Bucket;

/// The bucket of a platform's CPE; `None` for products that are no distribution.
///
/// `cpe:/o:redhat:enterprise_linux:9::baseos` is the base of rhel 9, `cpe:/a:redhat:rhel_eus:9.2::…`
/// its channel `eus-9.2`, `cpe:/a:redhat:openshift:4.12::el8` the channel `openshift-4.12` of rhel 8.
pub(super) fn bucket_of_cpe(cpe: &str) -> Option<Bucket> {
    let mut parts = cpe.strip_prefix("cpe:/")?.split(':');
    let _kind = parts.next()?;
    let vendor = parts.next()?;
    let product = parts.next()?;
    let version = parts.next().unwrap_or_default();
    let update = parts.next().unwrap_or_default();
    let edition = parts.next().unwrap_or_default();
    match vendor {
        "redhat" => redhat_bucket(product, version, edition),
        "suse" | "opensuse" => suse_bucket(product, version, update),
        _ => None,
    }
}

fn redhat_bucket(product: &str, version: &str, edition: &str) -> Option<Bucket> {
    let major = version.split('.').next().unwrap_or_default();
    let rhel = |release: &str, channel: String| {
        Some(Bucket::Os {
            family: "rhel".to_owned(),
            release: release.to_owned(),
            channel,
        })
    };
    match product {
        "enterprise_linux" | "rhel" if !major.is_empty() => rhel(major, String::new()),
        "rhel_eus" | "rhel_aus" | "rhel_tus" | "rhel_e4s" | "rhel_els" | "rhel_eus_long_life" => {
            let name = product.trim_start_matches("rhel_");
            rhel(major, format!("{name}-{version}"))
        }
        _ => {
            // Layered products say which release they are built for.
            let release = edition.strip_prefix("el")?;
            let product = product.replace('_', "-");
            let channel = if version.is_empty() {
                product
            } else {
                format!("{product}-{version}")
            };
            rhel(release.split('.').next().unwrap_or(release), channel)
        }
    }
}

fn suse_bucket(product: &str, version: &str, update: &str) -> Option<Bucket> {
    let release = match update.strip_prefix("sp") {
        Some(pack) => format!("{version}.{pack}"),
        None => version.to_owned(),
    };
    let (family, channel) = match product {
        "leap" => ("opensuse-leap", ""),
        "tumbleweed" => return Some(Bucket::os("opensuse-tumbleweed", "")),
        "sles" | "sled" => ("sles", ""),
        "sle-micro" | "sl-micro" | "suse-microos" | "sle_micro" => ("sle-micro", ""),
        "leap-micro" => ("opensuse-leap-micro", ""),
        "sles-ltss" => ("sles", "ltss"),
        "sles_sap" => ("sles", "sap"),
        product if product.starts_with("sle-module-") || product.starts_with("sle_module") => {
            ("sles", "")
        }
        _ => return None,
    };
    Some(Bucket::Os {
        family: family.to_owned(),
        release,
        channel: channel.to_owned(),
    })
}

/// `SUSE Linux Enterprise Server 15 SP5`, `openSUSE Leap 15.5`, with or without the first word.
pub(super) fn bucket_of_suse(name: &str) -> Option<Bucket> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let has = |word: &str| words.iter().any(|other| other.eq_ignore_ascii_case(word));
    if has("Tumbleweed") {
        return Some(Bucket::os("opensuse-tumbleweed", ""));
    }
    let at = words
        .iter()
        .position(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let number = words.get(at)?;
    let pack = words
        .get(at + 1)
        .and_then(|word| word.strip_prefix("SP"))
        .map(|pack| pack.split('-').next().unwrap_or(pack));
    let release = match pack {
        Some(pack) => format!("{number}.{pack}"),
        None => (*number).to_owned(),
    };
    // The desktop's packages are the server's.
    let family = if has("Leap") && has("Micro") {
        "opensuse-leap-micro"
    } else if has("Leap") {
        "opensuse-leap"
    } else if has("Micro") {
        "sle-micro"
    } else if has("Enterprise") && (has("Server") || has("Module") || has("Desktop")) {
        "sles"
    } else {
        return None;
    };
    let channel = if name.contains("LTSS") {
        "ltss"
    } else if has("SAP") {
        "sap"
    } else {
        ""
    };
    Some(Bucket::Os {
        family: family.to_owned(),
        release,
        channel: channel.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpes_to_buckets() {
        for (cpe, expected) in [
            (
                "cpe:/o:redhat:enterprise_linux:9::baseos",
                Some("os/rhel/9"),
            ),
            (
                "cpe:/a:redhat:enterprise_linux:9::appstream",
                Some("os/rhel/9"),
            ),
            ("cpe:/o:redhat:enterprise_linux:10.1", Some("os/rhel/10")),
            (
                "cpe:/a:redhat:rhel_eus:9.2::appstream",
                Some("os/rhel/9/eus-9.2"),
            ),
            (
                "cpe:/o:redhat:rhel_aus:8.4::baseos",
                Some("os/rhel/8/aus-8.4"),
            ),
            (
                "cpe:/a:redhat:openshift:4.12::el8",
                Some("os/rhel/8/openshift-4.12"),
            ),
            ("cpe:/a:redhat:jboss_core_services:1", None),
            ("cpe:/o:suse:sles:15:sp5", Some("os/sles/15.5")),
            ("cpe:/o:suse:sles-ltss:15:sp2", Some("os/sles/15.2/ltss")),
            (
                "cpe:/o:suse:sle-module-basesystem:15:sp5",
                Some("os/sles/15.5"),
            ),
            ("cpe:/o:opensuse:leap:15.5", Some("os/opensuse-leap/15.5")),
            (
                "cpe:/o:opensuse:tumbleweed",
                Some("os/opensuse-tumbleweed/"),
            ),
            ("cpe:/o:debian:debian_linux:12", None),
            ("odd", None),
        ] {
            let bucket = bucket_of_cpe(cpe).map(|bucket| bucket.to_string());
            assert_eq!(bucket.as_deref(), expected, "{cpe}");
        }
    }

    #[test]
    fn suse_in_words() {
        for (name, expected) in [
            ("SUSE Linux Enterprise Server 15 SP5", Some("os/sles/15.5")),
            (
                "SUSE Linux Enterprise Server 15 SP4-LTSS",
                Some("os/sles/15.4/ltss"),
            ),
            (
                "SUSE Linux Enterprise Module for Basesystem 15 SP6",
                Some("os/sles/15.6"),
            ),
            ("SUSE Linux Enterprise Micro 5.5", Some("os/sle-micro/5.5")),
            ("openSUSE Leap 15.6", Some("os/opensuse-leap/15.6")),
            ("openSUSE Tumbleweed", Some("os/opensuse-tumbleweed/")),
            ("SUSE Manager Proxy 4.3", None),
        ] {
            let bucket = bucket_of_suse(name).map(|bucket| bucket.to_string());
            assert_eq!(bucket.as_deref(), expected, "{name}");
        }
    }
}
