//! RPM file names: `name-version-release.arch`.

/// The parts of a package's name as errata list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nevra {
    pub(super) name: String,
    /// `[epoch:]version-release`.
    pub(super) evr: String,
    pub(super) arch: String,
}

const ARCHES: &[&str] = &[
    "x86_64", "aarch64", "ppc64le", "ppc64", "ppc", "s390x", "s390", "i386", "i486", "i586",
    "i686", "noarch", "src", "nosrc", "ia64", "armv7hl", "riscv64",
];

pub(super) fn is_arch(text: &str) -> bool {
    ARCHES.contains(&text)
}

/// `kernel-0:5.14.0-70.el9.x86_64`, `bash-4.4-1.el8.x86_64.rpm`, `0:bash-4.4-1.x86_64`, and the same
/// without the architecture.
pub(super) fn nevra(text: &str) -> Option<Nevra> {
    let text = text.trim().trim_end_matches(".rpm");
    let (text, arch) = match text.rsplit_once('.') {
        Some((rest, arch)) if is_arch(arch) => (rest, arch),
        _ => (text, ""),
    };
    let (rest, release) = text.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    // The epoch stands before the version, or before the whole.
    let (name, epoch) = match name.split_once(':') {
        Some((epoch, name)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (name, epoch),
        _ => (name, ""),
    };
    let (epoch, version) = version.split_once(':').unwrap_or((epoch, version));
    if name.is_empty() || !version.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let evr = if epoch.is_empty() || epoch == "0" {
        format!("{version}-{release}")
    } else {
        format!("{epoch}:{version}-{release}")
    };
    Some(Nevra {
        name: name.to_owned(),
        evr,
        arch: arch.to_owned(),
    })
}

/// Fixes for builds that are no part of the base: live patches and certified crypto.
pub(super) fn is_special_build(evr: &str) -> bool {
    evr.contains("ksplice") || evr.contains("_fips")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_apart() {
        for (text, name, evr, arch) in [
            (
                "bash-4.4.20-1.el8_4.x86_64.rpm",
                "bash",
                "4.4.20-1.el8_4",
                "x86_64",
            ),
            (
                "kernel-0:5.14.0-70.el9.x86_64",
                "kernel",
                "5.14.0-70.el9",
                "x86_64",
            ),
            (
                "1:cups-libs-2.3.3op2-16.el9.aarch64",
                "cups-libs",
                "1:2.3.3op2-16.el9",
                "aarch64",
            ),
            (
                "java-1.8.0-openjdk-1:1.8.0.352-1.el8.noarch",
                "java-1.8.0-openjdk",
                "1:1.8.0.352-1.el8",
                "noarch",
            ),
            (
                "kernel-default-5.14.21-150400.24.46.1",
                "kernel-default",
                "5.14.21-150400.24.46.1",
                "",
            ),
        ] {
            let expected = Nevra {
                name: name.to_owned(),
                evr: evr.to_owned(),
                arch: arch.to_owned(),
            };
            assert_eq!(nevra(text), Some(expected), "{text}");
        }
        for bad in ["bash", "bash-4.4", "", "-1-2"] {
            assert_eq!(nevra(bad), None, "{bad}");
        }
    }
}
