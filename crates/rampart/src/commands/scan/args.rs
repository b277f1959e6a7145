//! Flags of `rampart scan`, each declared once, named as users of other scanners know them.

use crate::database::DatabaseArgs;
use clap::{Args, Subcommand, ValueEnum};
use rampart_model::scan::{LicenseCategory, Severity};
use rampart_scanner::image::Platform;
use rampart_vuln::license::Policy;
use std::{path::PathBuf, time::Duration};

pub(crate) const HELP: &str = "Exit codes: 0 scanned; the one of --exit-code when findings are shown; 2 wrong usage; \
    4 could not be scanned; 5 scanned in part (a layer could not be read, the report says which).\n\
    Examples:\n  \
    rampart scan image debian:12                         by a runtime of this machine, or from its registry\n  \
    rampart scan image --input app.tar -f json -o r.json  of docker save, or an OCI archive or layout\n  \
    rampart scan image --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 shop/web:1.4\n  \
    rampart scan image --plain-http 127.0.0.1:5000/shop/web:1.4\n  \
    rampart scan image containers-storage:shop/web:1.4    of Podman's store, without a daemon\n  \
    rampart scan image --attach-sbom=spdx registry.example.org/shop/web:1.4\n  \
    rampart scan image -f neuvector -o scan_result.json shop/web:1.4\n  \
    rampart scan registry --repo 'shop/*' registry.example.org\n  \
    rampart scan fs .                                    lock files and manifests of a project\n  \
    rampart scan fs --scanners license --license-forbidden 'AGPL-*' --exit-code 1 --severity CRITICAL .\n  \
    rampart scan rootfs /mnt/root                        an unpacked root file system\n  \
    rampart scan rootfs --pid 4711                       what a running container sees\n  \
    sudo rampart scan host\n  \
    rampart scan sbom bom.json";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ScanArgs {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// An image: by name, or from a file
    Image(ImageArgs),
    /// All images of a registry, or those of some repositories
    Registry(RegistryArgs),
    /// A directory: a project with its lock files
    #[command(visible_alias = "filesystem")]
    Fs { path: PathBuf },
    /// An unpacked root file system, or that of a running process
    Rootfs {
        #[arg(required_unless_present = "pid")]
        path: Option<PathBuf>,
        /// The root file system this process sees
        #[arg(long, conflicts_with = "path")]
        pid: Option<u32>,
    },
    /// A CycloneDX or SPDX document
    Sbom { path: PathBuf },
    /// This machine
    Host {
        /// Where the host's root file system lies, in a container
        #[arg(
            long,
            env = "RAMPART_HOST_ROOT",
            value_name = "DIR",
            default_value = "/"
        )]
        root: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ImageArgs {
    /// Such as debian:12, ghcr.io/org/app@sha256:…; with --input, which image of the file
    ///
    /// A prefix names the one place to look: docker://REF (the registry), docker-daemon:REF
    /// (Docker, or its data folder), containers-storage:REF (Podman, Buildah, CRI-O; also
    /// containers-storage:[overlay@/folder]REF), oci:FOLDER[:NAME], oci-archive:FILE[:NAME] or
    /// docker-archive:FILE[:NAME].
    #[arg(required_unless_present = "input")]
    pub(crate) name: Option<String>,

    /// A `docker save` or OCI archive, or a folder with an OCI layout; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// Attach an SBOM to the image in its registry, as an OCI referrer
    ///
    /// What `oras attach` would do: the SBOM is pushed as an artifact whose subject is the image
    /// that was scanned, with artifact type application/vnd.cyclonedx+json or
    /// application/spdx+json; a registry without the referrers API gets the sha256-… tag of OCI
    /// 1.1. `oras discover` and `--sbom-sources oci` (here and in Trivy) find it. The login needs the
    /// right to push. Twice is as once.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "cyclonedx",
        conflicts_with = "input"
    )]
    pub(crate) attach_sbom: Option<AttachFormat>,

    /// Use an SBOM attached to the image, if there is one, in place of its layers
    ///
    /// `oci`: a CycloneDX or SPDX referrer in the image's registry. Whoever may push there may
    /// have put it there. Secrets and setuid files are not looked for then.
    #[arg(
        long,
        env = "RAMPART_SBOM_SOURCES",
        value_enum,
        value_name = "SOURCE,…",
        value_delimiter = ',',
        conflicts_with_all = ["input", "attach_sbom"]
    )]
    pub(crate) sbom_sources: Vec<SbomSource>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttachFormat {
    /// CycloneDX 1.6
    Cyclonedx,
    /// SPDX 2.3
    #[value(alias = "spdx-json")]
    Spdx,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SbomSource {
    Oci,
}

#[derive(Args, Debug)]
pub(crate) struct RegistryArgs {
    /// Such as registry.example.org or 127.0.0.1:5000
    pub(crate) registry: String,

    /// Repositories to scan; `*` and `**` as in paths [default: all the registry lists]
    #[arg(long = "repo", value_name = "PATTERN,…", value_delimiter = ',')]
    pub(crate) repositories: Vec<String>,

    /// Tags to scan
    #[arg(long = "tag", value_name = "PATTERN,…", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,

    /// At most so many images
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
}

/// How registries are reached.
#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    /// Where an image is looked for, in order
    #[arg(long, env = "RAMPART_IMAGE_SRC", value_enum, value_name = "SOURCE,…", value_delimiter = ',', default_values = ["docker", "containerd", "podman", "remote"], global = true)]
    pub(crate) image_src: Vec<ImageSource>,

    /// User name at the registry; else Docker's and Podman's files and login helpers are asked
    #[arg(
        long,
        env = "RAMPART_REGISTRY_USERNAME",
        value_name = "NAME",
        global = true
    )]
    pub(crate) username: Option<String>,

    #[arg(
        long,
        env = "RAMPART_REGISTRY_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        requires = "username",
        global = true
    )]
    pub(crate) password: Option<String>,

    /// Read the password from standard input
    #[arg(
        long,
        conflicts_with = "password",
        requires = "username",
        global = true
    )]
    pub(crate) password_stdin: bool,

    /// A token that is sent as it is
    #[arg(
        long,
        env = "RAMPART_REGISTRY_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        global = true
    )]
    pub(crate) registry_token: Option<String>,

    /// Accept any certificate of a registry, and plain HTTP
    #[arg(long, env = "RAMPART_INSECURE", global = true)]
    pub(crate) insecure: bool,

    /// Speak plain HTTP with registries
    #[arg(
        long,
        visible_alias = "non-ssl",
        env = "RAMPART_PLAIN_HTTP",
        global = true
    )]
    pub(crate) plain_http: bool,

    /// Certificate authorities of registries to trust too (PEM)
    #[arg(long, env = "RAMPART_REGISTRY_CA", value_name = "FILE", global = true)]
    pub(crate) registry_ca: Vec<PathBuf>,

    /// Mirrors tried first, such as docker.io=https://mirror.example.org
    #[arg(
        long,
        env = "RAMPART_REGISTRY_MIRROR",
        value_name = "HOST=URL,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) registry_mirror: Vec<String>,

    /// Proxy for registries; else HTTPS_PROXY, HTTP_PROXY and NO_PROXY count
    #[arg(long, env = "RAMPART_PROXY", value_name = "URL", global = true)]
    pub(crate) proxy: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageSource {
    Docker,
    Containerd,
    Podman,
    Remote,
}

/// What every kind of scan takes.
#[derive(Args, Debug)]
pub(crate) struct CommonArgs {
    /// Show and count only these severities
    #[arg(
        long,
        short,
        env = "RAMPART_SEVERITY",
        value_name = "SEVERITY,…",
        value_delimiter = ',',
        global = true,
        ignore_case = true
    )]
    pub(crate) severity: Vec<Severity>,

    /// Leave out vulnerabilities that no version fixes yet
    #[arg(
        long,
        visible_alias = "only-fixed",
        env = "RAMPART_IGNORE_UNFIXED",
        global = true
    )]
    pub(crate) ignore_unfixed: bool,

    /// Exit code when there are findings
    #[arg(
        long,
        env = "RAMPART_EXIT_CODE",
        value_name = "CODE",
        default_value_t = 0,
        global = true
    )]
    pub(crate) exit_code: u8,

    /// Findings of at least this severity make the exit code 1
    #[arg(
        long,
        env = "RAMPART_FAIL_ON",
        value_name = "SEVERITY",
        global = true,
        ignore_case = true
    )]
    pub(crate) fail_on: Option<Severity>,

    /// How to print
    #[arg(long, short, env = "RAMPART_FORMAT", value_enum, default_value_t = Format::Table, global = true)]
    pub(crate) format: Format,

    /// Write the report to this file
    #[arg(long, short, value_name = "FILE", global = true)]
    pub(crate) output: Option<PathBuf>,

    /// Show packages without findings too
    #[arg(long, env = "RAMPART_LIST_ALL_PKGS", global = true)]
    pub(crate) list_all_pkgs: bool,

    /// What to look for
    #[arg(long, env = "RAMPART_SCANNERS", value_enum, value_name = "KIND,…", value_delimiter = ',', default_values = ["vuln", "secret", "config"], global = true)]
    pub(crate) scanners: Vec<Scanner>,

    #[command(flatten)]
    pub(crate) license: LicenseArgs,

    /// Directories to leave out; `*`, `**` and `?` as in shells
    #[arg(
        long,
        env = "RAMPART_SKIP_DIRS",
        value_name = "PATTERN,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) skip_dirs: Vec<String>,

    /// Files to leave out
    #[arg(
        long,
        env = "RAMPART_SKIP_FILES",
        value_name = "PATTERN,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) skip_files: Vec<String>,

    /// Of an image for several platforms: linux/amd64, linux/arm64/v8
    #[arg(long, env = "RAMPART_PLATFORM", value_name = "OS/ARCH", global = true)]
    pub(crate) platform: Option<Platform>,

    /// Give up after this time: 90s, 5m, 1h
    #[arg(long, env = "RAMPART_TIMEOUT", value_name = "TIME", default_value = "15m", value_parser = duration, global = true)]
    pub(crate) timeout: Duration,

    /// Vulnerability database
    #[arg(long, env = "RAMPART_DB", value_name = "FILE", global = true)]
    pub(crate) db: Option<PathBuf>,

    /// Ask nothing of the network: images come from files and from the stores of this machine
    #[arg(long, env = "RAMPART_OFFLINE", global = true)]
    pub(crate) offline: bool,

    /// Ask nothing of the network but the image itself. It is always so: here for scripts that say it
    #[arg(long, visible_alias = "skip-db-update", global = true)]
    pub(crate) offline_scan: bool,

    /// OpenVEX, CycloneDX or CSAF documents that say what does not apply
    #[arg(long, env = "RAMPART_VEX", value_name = "FILE", global = true)]
    pub(crate) vex: Vec<PathBuf>,

    /// Findings to ignore, with reason and expiry
    #[arg(
        long,
        visible_alias = "ignore-file",
        env = "RAMPART_IGNOREFILE",
        value_name = "FILE",
        global = true
    )]
    pub(crate) ignorefile: Option<PathBuf>,

    /// Findings that do not count are shown too, with the reason
    #[arg(long, env = "RAMPART_SHOW_SUPPRESSED", global = true)]
    pub(crate) show_suppressed: bool,

    /// Rules for secrets, in gitleaks' format, beside our own
    #[arg(
        long,
        env = "RAMPART_SECRET_CONFIG",
        value_name = "FILE",
        global = true
    )]
    pub(crate) secret_config: Option<PathBuf>,

    /// Folder for facts of layers already read
    /// [default: $XDG_CACHE_HOME/rampart or ~/.cache/rampart]
    #[arg(long, env = "RAMPART_CACHE_DIR", value_name = "DIR", global = true)]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Read every layer, and keep nothing
    #[arg(long, env = "RAMPART_NO_CACHE", global = true)]
    pub(crate) no_cache: bool,

    /// Largest size of that folder, in MiB
    #[arg(
        long,
        env = "RAMPART_CACHE_LIMIT_MIB",
        value_name = "MIB",
        default_value_t = 2048,
        global = true
    )]
    pub(crate) cache_limit_mib: u64,

    /// Layers read at the same time
    #[arg(long, env = "RAMPART_PARALLEL", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8), global = true)]
    pub(crate) parallel: u8,

    /// No progress bars
    #[arg(long, env = "RAMPART_NO_PROGRESS", global = true)]
    pub(crate) no_progress: bool,

    /// Only the report
    #[arg(long, short, env = "RAMPART_QUIET", global = true)]
    pub(crate) quiet: bool,
}

/// Which licences may be used, for `--scanners license`. Names are SPDX ids or expressions, or what a
/// package calls its licence; `*` at the end stands for any rest.
#[derive(Args, Debug, Default)]
pub(crate) struct LicenseArgs {
    /// Licences that must not be used: critical
    #[arg(
        long,
        env = "RAMPART_LICENSE_FORBIDDEN",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) license_forbidden: Vec<String>,

    /// The only licences that may be used: any other is forbidden
    #[arg(
        long,
        env = "RAMPART_LICENSE_ALLOWED",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) license_allowed: Vec<String>,

    /// Licences whose terms reach what they are combined with: high
    #[arg(
        long,
        env = "RAMPART_LICENSE_RESTRICTED",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) license_restricted: Vec<String>,

    /// Licences whose changed files must be shared: medium
    #[arg(
        long,
        env = "RAMPART_LICENSE_RECIPROCAL",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) license_reciprocal: Vec<String>,

    /// Licences that ask for a notice only: low
    #[arg(
        long,
        visible_alias = "license-permissive",
        env = "RAMPART_LICENSE_NOTICE",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) license_notice: Vec<String>,

    /// Licences not to speak of
    #[arg(
        long,
        visible_alias = "license-ignored",
        env = "RAMPART_IGNORED_LICENSES",
        value_name = "LICENCE,…",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) ignored_licenses: Vec<String>,
}

impl LicenseArgs {
    pub(crate) fn policy(&self) -> Policy {
        Policy::default()
            .with(LicenseCategory::Forbidden, &self.license_forbidden)
            .with(LicenseCategory::Restricted, &self.license_restricted)
            .with(LicenseCategory::Reciprocal, &self.license_reciprocal)
            .with(LicenseCategory::Notice, &self.license_notice)
            .allow(&self.license_allowed)
            .ignore(&self.ignored_licenses)
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    /// Every field
    Json,
    Sarif,
    Junit,
    Html,
    /// As Trivy writes it
    TrivyJson,
    /// As NeuVector's stand-alone scanner writes it, and the REST API answers
    #[value(alias = "neuvector-json")]
    Neuvector,
    /// CycloneDX 1.6 with vulnerabilities
    Cyclonedx,
    /// CycloneDX 1.5 with vulnerabilities
    #[value(name = "cyclonedx-1.5")]
    Cyclonedx15,
    /// SPDX 2.3 as JSON
    SpdxJson,
    /// SPDX 2.3 as tag-value text
    Spdx,
    /// OpenVEX statements on what was found
    Openvex,
}

impl Format {
    /// Lists packages: of use without a vulnerability database.
    pub(crate) fn is_sbom(self) -> bool {
        matches!(
            self,
            Self::Cyclonedx | Self::Cyclonedx15 | Self::SpdxJson | Self::Spdx
        )
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanner {
    Vuln,
    Secret,
    Config,
    /// Licences of packages, by class
    #[value(alias = "licence")]
    License,
}

/// `90s`, `5m`, `1h30m`; a plain number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is no time: write it as 90s, 5m or 1h30m");
    let mut seconds = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = rest[digits..].chars().next();
        let factor = match unit {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some(_) => return Err(bad()),
        };
        seconds = number
            .checked_mul(factor)
            .and_then(|n| seconds.checked_add(n))
            .ok_or_else(bad)?;
        rest = &rest[digits + unit.map_or(0, char::len_utf8)..];
    }
    if seconds == 0 {
        Err(bad())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::{ScanArgs, Scanner, duration};
    use clap::Parser;
    use rampart_model::scan::LicenseCategory;
    use std::time::Duration;

    #[derive(Parser)]
    struct Scan {
        #[command(flatten)]
        args: ScanArgs,
    }

    #[test]
    fn licences_are_judged_by_the_flags() {
        let line = "scan fs . --scanners license,vuln --license-forbidden GPL-3.0*,Acme \
            --license-notice LGPL-2.1-only --ignored-licenses MIT";
        let scan = Scan::try_parse_from(line.split_whitespace()).expect("flags");
        let common = scan.args.common;
        assert_eq!(common.scanners, [Scanner::License, Scanner::Vuln]);
        let policy = common.license.policy();
        for (license, category) in [
            ("GPL-3.0-or-later", Some(LicenseCategory::Forbidden)),
            ("Acme", Some(LicenseCategory::Forbidden)),
            ("LGPL-2.1-only", Some(LicenseCategory::Notice)),
            ("GPL-2.0-only", Some(LicenseCategory::Restricted)),
            ("MIT", None),
        ] {
            assert_eq!(policy.judge(license), category, "{license}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        for bad in ["", "0s", "5 m", "x", "5d", "m"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
