//! The distribution, from os-release and the older files beside it.
//!
//! Format of os-release: freedesktop.org, os-release(5). Each file is read alone; [`combine`] joins
//! what is left of them in the end, since the finest version often stands in another file
//! (`debian_version` says 12.5 where os-release says 12). Files over 64 KiB are not read.

use super::{Analyzer, FileFacts, FileMeta, Sink, Whole};
use rampart_model::package::Distro;

const LIMIT: usize = 64 << 10;
/// Longest value kept of a field.
const VALUE_LIMIT: usize = 512;

/// Files that tell, the most telling first.
const FILES: &[(&str, Format)] = &[
    ("etc/os-release", Format::OsRelease),
    ("usr/lib/os-release", Format::OsRelease),
    ("etc/oracle-release", Format::ReleaseLine),
    ("etc/rocky-release", Format::ReleaseLine),
    ("etc/almalinux-release", Format::ReleaseLine),
    ("etc/centos-release", Format::ReleaseLine),
    ("etc/fedora-release", Format::ReleaseLine),
    ("etc/system-release", Format::ReleaseLine),
    ("etc/redhat-release", Format::ReleaseLine),
    ("etc/SuSE-release", Format::Suse),
    ("etc/alpine-release", Format::Alpine),
    ("etc/lsb-release", Format::Lsb),
    ("etc/debian_version", Format::Debian),
];

#[derive(Clone, Copy)]
enum Format {
    OsRelease,
    ReleaseLine,
    Suse,
    Alpine,
    Lsb,
    Debian,
}

/// Words a release line opens with, and the id that os-release would give.
const RELEASE_NAMES: &[(&str, &str)] = &[
    ("red hat enterprise linux", "rhel"),
    ("centos", "centos"),
    ("almalinux", "almalinux"),
    ("rocky linux", "rocky"),
    ("oracle linux", "ol"),
    ("fedora", "fedora"),
    ("amazon linux", "amzn"),
    ("scientific linux", "scientific"),
    ("cloudlinux", "cloudlinux"),
    ("eurolinux", "eurolinux"),
    ("virtuozzo", "virtuozzo"),
];

const DEBIAN_CODENAMES: &[(&str, &str)] = &[
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

pub struct DistroFiles;

impl Analyzer for DistroFiles {
    fn name(&self) -> &'static str {
        "distro"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        FILES.iter().any(|(path, _)| *path == file.path)
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(
            file,
            LIMIT,
            |file, bytes, out: &mut FileFacts| {
                out.distro = parse(&file.path, bytes);
            },
        ))
    }
}

/// What one file says; `path` names its format.
pub fn parse(path: &str, bytes: &[u8]) -> Option<Distro> {
    let (_, format) = FILES.iter().find(|(known, _)| *known == path)?;
    let bytes = &bytes[..bytes.len().min(LIMIT)];
    let text = String::from_utf8_lossy(bytes);
    let mut distro = match format {
        Format::OsRelease => os_release(&text),
        Format::ReleaseLine => release_line(&text),
        Format::Suse => suse_release(&text),
        Format::Alpine => plain_version("alpine", "Alpine Linux", &text),
        Format::Lsb => lsb_release(&text),
        Format::Debian => debian_version(&text),
    }?;
    distro.version = release_of(&distro);
    Some(distro)
}

/// Joins what several files say: the most telling one decides, the others refine its version.
pub fn combine(found: &[(&str, &Distro)]) -> Option<Distro> {
    let rank = |path: &str| FILES.iter().position(|(known, _)| *known == path);
    let mut ranked: Vec<(usize, &Distro)> = found
        .iter()
        .map(|(path, distro)| (rank(path).unwrap_or(FILES.len()), *distro))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut distro = ranked.first()?.1.clone();
    for (_, other) in ranked.iter().skip(1).filter(|(_, o)| o.id == distro.id) {
        let finer = other.full_version.len() > distro.full_version.len()
            && is_refinement(&distro.full_version, &other.full_version);
        if finer {
            distro.full_version.clone_from(&other.full_version);
        }
        let fields = [
            (&mut distro.codename, &other.codename),
            (&mut distro.name, &other.name),
        ];
        for (ours, theirs) in fields {
            if ours.is_empty() {
                ours.clone_from(theirs);
            }
        }
        if distro.version.is_empty() {
            distro.version.clone_from(&other.version);
        }
    }
    Some(distro)
}

fn is_refinement(coarse: &str, fine: &str) -> bool {
    let rest = fine.strip_prefix(coarse);
    coarse.is_empty() || rest.is_some_and(|rest| rest.starts_with('.'))
}

/// `KEY=value` lines with shell quotes.
fn assignments(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (key, value) = line.split_once('=')?;
        (!line.starts_with('#')).then(|| (key.trim(), unquote(value.trim())))
    })
}

fn unquote(value: &str) -> String {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = match quote {
        Some(quote) => {
            let inner = &value[1..];
            inner.strip_suffix(quote).unwrap_or(inner)
        }
        None => value,
    };
    let mut out = String::with_capacity(inner.len().min(VALUE_LIMIT));
    let mut escaped = false;
    for c in inner.chars() {
        if out.len() >= VALUE_LIMIT {
            break;
        }
        if c == '\\' && !escaped && quote != Some('\'') {
            escaped = true;
        } else if !c.is_control() {
            escaped = false;
            out.push(c);
        }
    }
    out
}

fn os_release(text: &str) -> Option<Distro> {
    let mut distro = Distro::default();
    let (mut version, mut pretty) = (String::new(), String::new());
    for (key, value) in assignments(text) {
        match key {
            "ID" => distro.id = value.to_ascii_lowercase(),
            "ID_LIKE" => {
                distro.like = value
                    .split_whitespace()
                    .take(16)
                    .map(str::to_ascii_lowercase)
                    .collect();
            }
            "VERSION_ID" => distro.full_version = value,
            "VERSION" => version = value,
            "VERSION_CODENAME" => distro.codename = value.to_ascii_lowercase(),
            "PRETTY_NAME" => pretty = value,
            "NAME" => distro.name = value,
            _ => {}
        }
    }
    if distro.id.is_empty() {
        return None;
    }
    // `22.04.4 LTS (Jammy Jellyfish)` is finer than `22.04`.
    let first = version.split_whitespace().next().unwrap_or_default();
    if !distro.full_version.is_empty() && is_refinement(&distro.full_version, first) {
        distro.full_version = first.to_owned();
    }
    if distro.id == "debian" && distro.codename.is_empty() {
        distro.codename = codename_in(&pretty);
    }
    if !pretty.is_empty() {
        distro.name = pretty;
    }
    Some(distro)
}

/// `trixie` of `Debian GNU/Linux trixie/sid`, `bookworm` of `12 (bookworm)`.
fn codename_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase)
        .find(|word| word == "sid" || DEBIAN_CODENAMES.iter().any(|(name, _)| name == word))
        .unwrap_or_default()
}

/// `Rocky Linux release 9.3 (Blue Onyx)`.
fn release_line(text: &str) -> Option<Distro> {
    let line: String = text
        .lines()
        .next()?
        .trim()
        .chars()
        .take(VALUE_LIMIT)
        .collect();
    let lower = line.to_ascii_lowercase();
    let (_, id) = RELEASE_NAMES
        .iter()
        .find(|(words, _)| lower.starts_with(words))?;
    Some(Distro {
        id: (*id).to_owned(),
        full_version: first_version(&line),
        name: line,
        ..Distro::default()
    })
}

fn first_version(line: &str) -> String {
    line.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or_default()
        .to_owned()
}

fn suse_release(text: &str) -> Option<Distro> {
    let name = text.lines().next()?.trim();
    let field = |key: &str| {
        assignments(text)
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    };
    let version = field("VERSION")?;
    let enterprise = name.to_ascii_lowercase().contains("enterprise");
    let full_version = match field("PATCHLEVEL").filter(|level| level != "0") {
        Some(level) => format!("{version}.{level}"),
        None => version,
    };
    Some(Distro {
        id: if enterprise { "sles" } else { "opensuse" }.to_owned(),
        full_version,
        name: name.chars().take(VALUE_LIMIT).collect(),
        ..Distro::default()
    })
}

fn plain_version(id: &str, name: &str, text: &str) -> Option<Distro> {
    let version = text.split_whitespace().next()?;
    Some(Distro {
        id: id.to_owned(),
        full_version: version.chars().take(64).collect(),
        name: name.to_owned(),
        ..Distro::default()
    })
}

fn lsb_release(text: &str) -> Option<Distro> {
    let mut distro = Distro::default();
    for (key, value) in assignments(text) {
        match key {
            "DISTRIB_ID" => distro.id = value.to_ascii_lowercase(),
            "DISTRIB_RELEASE" => distro.full_version = value,
            "DISTRIB_CODENAME" => distro.codename = value.to_ascii_lowercase(),
            "DISTRIB_DESCRIPTION" => distro.name = value,
            _ => {}
        }
    }
    (!distro.id.is_empty()).then_some(distro)
}

/// `12.5`, or `trixie/sid` before a release.
fn debian_version(text: &str) -> Option<Distro> {
    let mut distro = plain_version("debian", "Debian GNU/Linux", text)?;
    if !distro
        .full_version
        .starts_with(|c: char| c.is_ascii_digit())
    {
        distro.codename = codename_in(&distro.full_version);
        distro.full_version = String::new();
    }
    Some(distro)
}

/// The release as advisories name it.
fn release_of(distro: &Distro) -> String {
    let full = distro.full_version.as_str();
    match distro.id.as_str() {
        "debian" | "raspbian" => debian_release(full, &distro.codename),
        "alpine" | "postmarketos" => alpine_release(full),
        "amzn" if full.starts_with("201") => "1".to_owned(),
        "rhel" | "centos" | "almalinux" | "rocky" | "ol" | "fedora" | "amzn" | "scientific"
        | "cloudlinux" | "eurolinux" | "virtuozzo" | "mageia" | "anolis" => parts(full, 1),
        "ubuntu" | "linuxmint" | "sles" | "sled" | "sles_sap" | "opensuse-leap" | "photon"
        | "azurelinux" | "mariner" | "cbl-mariner" => parts(full, 2),
        // Rolling: their advisories speak of no release.
        "wolfi"
        | "chainguard"
        | "minimos"
        | "arch"
        | "manjaro"
        | "opensuse-tumbleweed"
        | "kali"
        | "gentoo"
        | "echo" => String::new(),
        _ => full.to_owned(),
    }
}

fn parts(version: &str, count: usize) -> String {
    let mut parts = version.split('.');
    let first: Vec<&str> = parts.by_ref().take(count).collect();
    first.join(".")
}

fn debian_release(full: &str, codename: &str) -> String {
    if !full.is_empty() {
        return parts(full, 1);
    }
    DEBIAN_CODENAMES
        .iter()
        .find(|(name, _)| *name == codename)
        .map_or_else(|| codename.to_owned(), |(_, release)| (*release).to_owned())
}

/// `3.19.1` is `3.19`; what is not released yet (`3.21_alpha20240923`) is `edge`.
fn alpine_release(full: &str) -> String {
    if full.contains('_') || full == "edge" {
        return "edge".to_owned();
    }
    parts(full, 2)
}
