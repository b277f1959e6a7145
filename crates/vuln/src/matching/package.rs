//! Under which names and versions a package is looked up, and which packages are not to be judged.

use super::distro::{Family, Naming};
use crate::version::normalise_name;
use rampart_model::{Package, PackageKind};

/// What to ask a bucket for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) name: String,
    pub(crate) version: String,
}

pub(crate) fn of_language(package: &Package) -> Lookup {
    Lookup {
        name: normalise_name(package.kind, &package.name).into_owned(),
        version: package.version.clone(),
    }
}

/// One lookup, or two where advisories name sources as well as packages split off them.
pub(crate) fn of_os(package: &Package, family: &Family, by: &str) -> Vec<Lookup> {
    let binary = Lookup {
        name: package.name.clone(),
        version: package.version.clone(),
    };
    let Some(source) = package
        .source
        .as_ref()
        .filter(|source| !source.name.is_empty())
    else {
        return vec![binary];
    };
    if let Some(kernel) = signed_kernel(&source.name, by) {
        return vec![Lookup {
            name: kernel,
            ..binary
        }];
    }
    // An rpm's or apk's source has the version of its packages, unless told otherwise.
    let version = if source.version.is_empty() {
        &package.version
    } else {
        &source.version
    };
    let source = Lookup {
        name: source.name.clone(),
        version: version.clone(),
    };
    match family.naming {
        Naming::Source => vec![source],
        Naming::Binary => vec![binary],
        Naming::SourceOrBinary if source.name == binary.name => vec![source],
        Naming::SourceOrBinary => vec![source, binary],
    }
}

/// Signed kernel images are built from sources of their own (`linux-signed-amd64` in Debian,
/// `linux-signed-azure` in Ubuntu), whose versions are not the kernel's: the image's own is.
fn signed_kernel(source: &str, by: &str) -> Option<String> {
    let flavour = source.strip_prefix("linux-signed")?;
    Some(match by {
        "debian" => "linux".to_owned(),
        _ => format!("linux{flavour}"),
    })
}

/// Why a finding in a package of the kernel does not count, if it does not. Where advisories name
/// binaries only (`by_source` is false) they have thought of which.
pub(crate) fn kernel_excuse(
    package: &Package,
    running: Option<&str>,
    by_source: bool,
) -> Option<String> {
    if by_source && is_kernel_source(package) && !holds_kernel_code(&package.name) {
        return Some("built from the kernel's source, but holds none of its code".to_owned());
    }
    let running = running?;
    let image = kernel_of(package)?;
    (image != running).then(|| format!("not the running kernel, which is {running}"))
}

fn is_kernel_source(package: &Package) -> bool {
    if package.kind == PackageKind::Rpm {
        let source = package.source.as_ref().map(|source| source.name.as_str());
        return matches!(source, Some("kernel" | "kernel-rt" | "kernel-default"));
    }
    if package.kind != PackageKind::Deb {
        return false;
    }
    package
        .source
        .as_ref()
        .is_some_and(|source| source.name == "linux" || source.name.starts_with("linux-"))
        || package.name.starts_with("linux-")
}

fn holds_kernel_code(name: &str) -> bool {
    let data = [
        "linux-libc-dev",
        "linux-headers-",
        "linux-kbuild-",
        "linux-doc",
        "linux-compiler-",
        "linux-config-",
        "linux-support-",
        "linux-source",
        "kernel-headers",
        "kernel-devel",
        "kernel-doc",
        "kernel-abi-",
        "kernel-srpm-macros",
        "kernel-rpm-macros",
    ];
    let meta = name.starts_with("linux-image-") && !name.bytes().any(|byte| byte == b'.');
    !data.iter().any(|prefix| name.starts_with(prefix)) && !meta
}

/// `uname -r` of the kernel a package installs, if it is an image or its modules.
pub(crate) fn kernel_of(package: &Package) -> Option<String> {
    match package.kind {
        PackageKind::Deb => {
            let prefixes = [
                "linux-image-unsigned-",
                "linux-image-",
                "linux-modules-extra-",
                "linux-modules-",
            ];
            let release = prefixes
                .iter()
                .find_map(|prefix| package.name.strip_prefix(prefix))?;
            let version =
                release.starts_with(|first: char| first.is_ascii_digit()) && release.contains('.');
            version.then(|| {
                release
                    .strip_suffix("-unsigned")
                    .unwrap_or(release)
                    .to_owned()
            })
        }
        PackageKind::Rpm => {
            let image = [
                "kernel",
                "kernel-core",
                "kernel-modules",
                "kernel-modules-core",
                "kernel-modules-extra",
                "kernel-uek",
                "kernel-uek-core",
                "kernel-default",
            ];
            if !image.contains(&package.name.as_str()) {
                return None;
            }
            let version = package
                .version
                .split_once(':')
                .map_or(package.version.as_str(), |(_, rest)| rest);
            Some(format!("{version}.{}", package.arch))
        }
        _ => None,
    }
}

/// Marks that others than the distribution put into their packages' versions.
const FOREIGN_VERSIONS: &[&str] = &[
    "nodesource",
    ".pgdg",
    "deb.sury.org",
    "~debian.",
    "~ubuntu.",
    "~ppa",
    "+ppa",
];

/// Maintainers of packages for Debian and Ubuntu that are in neither's archive.
#[rustfmt::skip]
const FOREIGN_MAINTAINERS: &[&str] = &[
    "@docker.com", "nginx-packaging@", "@nginx.com", "@nodesource.com", "@microsoft.com",
    "@google.com", "@hashicorp.com", "@elastic.co", "@mongodb.com", "@mariadb.org", "@percona.com",
    "@grafana.com", "@gitlab.com", "@datadoghq.com", "@confluent.io", "@oracle.com", "@github.com",
    "@influxdata.com", "@redis.com", "@clickhouse.com", "@nvidia.com", "@cloudflare.com",
    "@tailscale.com", "@slack-corp.com", "kubernetes authors", "chrome linux team",
    "@packagecloud.io", "@timescale.com", "@zabbix.com", "@wazuh.com", "@saltproject.io",
    "@puppet.com", "@chef.io", "@jenkins-ci.org", "kohsuke kawaguchi", "@brave.com",
];

/// Who made a package if it was not the distribution.
pub(crate) fn foreign_maker(package: &Package, family: &Family) -> Option<String> {
    let maker = package.supplier.to_ascii_lowercase();
    let foreign = match package.kind {
        PackageKind::Rpm => {
            !maker.is_empty()
                && !family.vendors.is_empty()
                && !family
                    .vendors
                    .iter()
                    .any(|vendor| maker.starts_with(vendor))
        }
        PackageKind::Deb => {
            let version = package.version.as_str();
            FOREIGN_VERSIONS.iter().any(|mark| version.contains(mark))
                || !is_archive_version(version)
                    && FOREIGN_MAINTAINERS.iter().any(|mark| maker.contains(mark))
        }
        _ => false,
    };
    foreign.then(|| {
        if package.supplier.is_empty() {
            "unknown".to_owned()
        } else {
            package.supplier.clone()
        }
    })
}

/// `+deb12u1`, `ubuntu1`: versions that only the distributions themselves give.
fn is_archive_version(version: &str) -> bool {
    ["+deb", "ubuntu"].iter().any(|mark| {
        let rest = version.split_once(mark).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// Whether a row for these architectures speaks of a package of this one.
pub(crate) fn arch_fits<'a>(package: &str, mut row: impl Iterator<Item = &'a str>) -> bool {
    let first = row.next();
    let Some(first) = first else { return true };
    let general = |arch: &str| matches!(arch, "" | "noarch" | "all" | "any");
    let package = canonical(package);
    general(package)
        || std::iter::once(first)
            .chain(row)
            .any(|arch| general(arch) || canonical(arch) == package)
}

fn canonical(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "i386" | "i486" | "i586" | "x86" => "i686",
        "ppc64el" => "ppc64le",
        other => other,
    }
}

/// Whether a modular row speaks of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleFit {
    Fits,
    Not,
    /// The package came from a module, but nothing says from which.
    Unknown,
}

/// Rows of a module's stream speak only of packages from that stream, rows of none only of packages
/// of none. A row that lost its stream on the way, but has a module's version, speaks of all modules.
pub(crate) fn module_fits(package: &Package, row: &str, row_version_is_modular: bool) -> ModuleFit {
    let label = package.module.as_str();
    let from_module = !label.is_empty() || package.version.contains(".module");
    match (row.is_empty(), from_module) {
        (true, _) if row_version_is_modular == from_module => ModuleFit::Fits,
        (true, _) | (false, false) => ModuleFit::Not,
        (false, true) if label.is_empty() => ModuleFit::Unknown,
        (false, true) => {
            let same = label.split(':').take(2).eq(row.split(':').take(2));
            if same {
                ModuleFit::Fits
            } else {
                ModuleFit::Not
            }
        }
    }
}
