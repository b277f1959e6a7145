//! Applications known by what their programs say of themselves, one row each in [`TABLE`].
//!
//! Names are the products' in NVD's dictionary of CPE names (`varnish_cache`, `http_server`); those of
//! Varnish, Valkey, musl, Julia and OpenJDK were compared with public uses of that dictionary in
//! November 2026. A row counts in files of its names only: many programs mention others. What may be
//! linked into any program (OpenSSL, zlib, BusyBox under its many names) is known by marks that the
//! search of [`super::elf`] brings. What the distribution owns is marked later, when the package
//! database is at hand.

use super::{Analyzer, FileFacts, FileMeta, Scope, Sink, Whole, window::Window};
use rampart_model::package::{Package, PackageKind};
use regex::bytes::Regex;
use std::sync::OnceLock;

/// How the version reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// The first find.
    First,
    /// The highest: where the program also lists the versions its parts came with.
    Highest,
    /// The first that goes on as the file's name begins it: `python3.11` and `3.11.2`. Linkers
    /// keep a string that another ends with only there: `/opt/python/3.11.2`.
    AsNamed,
    /// The file's own name has it.
    FileName,
    /// `25.402-b06` is `1.8.0_402`: Java before 9 has its machine's version.
    Java,
}

struct Row {
    name: &'static str,
    /// File names; a `*` at the end stands for any rest.
    files: &'static [&'static str],
    /// Its first group that took part is the version.
    pattern: &'static str,
    read: Read,
}

impl Row {
    fn of_name(&self, index: usize, file: &str) -> Option<String> {
        if self.read != Read::FileName {
            return None;
        }
        let found = pattern(index)?.captures(file.as_bytes())?;
        found.get(1).and_then(|group| text(group.as_bytes()))
    }
}

const fn row(
    name: &'static str,
    files: &'static [&'static str],
    pattern: &'static str,
    read: Read,
) -> Row {
    Row {
        name,
        files,
        pattern,
        read,
    }
}

const DOTTED: &str = r"(?-u)\x00(\d+\.\d+\.\d+)\x00";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("nginx", &["nginx", "nginx-*", "nginx.*"], r"(?-u)nginx/(\d+\.\d+\.\d+)", Read::First),
    row("http_server", &["httpd", "apache2", "httpd.*"], r"(?-u)Apache/(\d+\.\d+\.\d+)", Read::First),
    row("haproxy", &["haproxy*"], r"(?-u) version (\d+\.\d+(?:\.\d+|-dev\d+))[^\x00]{0,48}, released ", Read::First),
    row("lighttpd", &["lighttpd"], r"(?-u)lighttpd/(\d+\.\d+\.\d+)", Read::First),
    row("varnish_cache", &["varnishd"], r"(?-u)varnish-(\d+\.\d+\.\d+) revision", Read::First),
    row("memcached", &["memcached"], r"(?-u)memcached (\d+\.\d+\.\d+)", Read::First),
    row("redis", &["redis-server"], DOTTED, Read::Highest),
    row("valkey", &["valkey-server"], DOTTED, Read::Highest),
    row("postgresql", &["postgres"], r"(?-u)postgres \(PostgreSQL\) (\d+(?:\.\d+)+|\d+(?:beta|rc)\d+)", Read::First),
    row("mariadb", &["mariadbd", "mysqld", "mariadb", "mysql"], r"(?-u)[^\d.](\d+\.\d+\.\d+)-MariaDB", Read::First),
    row("mysql", &["mysqld", "mysql"], r"(?-u)/mysql-(\d+\.\d+\.\d+)[/-]", Read::First),
    row("node.js", &["node", "nodejs", "node-*"], r"(?-u)node\.js/v(\d+\.\d+\.\d+)", Read::First),
    row("python", &["python*", "libpython*"], r"(?-u)[\x00/](\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?\x00", Read::AsNamed),
    row("ruby", &["ruby*", "libruby*"], r"(?-u)ruby (\d+\.\d+\.\d+)(?:p\d+|(?:preview|rc|dev)\d*)? \(\d{4}-", Read::First),
    row("php", &["php*", "libphp*"], r"(?-u)X-Powered-By: PHP/(\d+\.\d+\.\d+(?:(?:alpha|beta|RC)\d+)?)", Read::First),
    row("perl", &["perl*", "libperl.so*"], r"(?-u)\x00v(5\.\d+\.\d+)\x00", Read::First),
    row("openjdk", &["libjvm.so"], r"(?-u)OpenJDK (?:64-Bit )?Server VM \((\d[0-9.]*(?:-b\d+)?)", Read::Java),
    row("julia", &["libjulia.so.*"], r"(?-u)libjulia\.so\.(\d+\.\d+\.\d+)$", Read::FileName),
    row("bash", &["bash", "sh"], r"(?-u)@\(#\)Bash version (\d+\.\d+\.\d+)\(", Read::First),
    row("git", &["git", "git-*"], r"(?-u)[^a-z]git/(\d+\.\d+\.\d+(?:\.\d+)?)\x00", Read::First),
    row("curl", &["curl"], r"(?-u)curl (\d+\.\d+\.\d+) \(", Read::First),
    row("curl", &["libcurl*"], r"(?-u)libcurl/(\d+\.\d+\.\d+)", Read::First),
    row("sqlite", &["libsqlite3.so*"], r"(?-u)\x00(3\.\d+\.\d+(?:\.\d+)?)\x00", Read::First),
    row("openssl", &["libcrypto*", "libssl*", "openssl"], OPENSSL, Read::First),
    row("zlib", &["libz.so*", "libz-*"], ZLIB, Read::First),
    row("glibc", &["libc.so.6", "libc-2.*"], r"(?-u)GNU C Library [^\x00]{0,100}?release version (\d+\.\d+)", Read::First),
    row("musl", &["ld-musl-*", "libc.musl-*"], r"(?-u)\x00(1\.\d+\.\d+)(?:-[0-9A-Za-z._-]+)?\x00", Read::First),
];

const OPENSSL: &str = r"(?-u)OpenSSL (\d+\.\d+\.\d+[a-z]{0,2}(?:-(?:alpha|beta|pre)\d+)?)(?:-fips|-dev|\+[a-z]+)* +\d{1,2} [A-Z][a-z]{2} \d{4}";
const ZLIB: &str = r"(?-u)(?:in|de)flate (\d+\.\d+(?:\.\d+)*)(?:\.f-[a-z]+)? Copyright";
const BUSYBOX: &str = r"(?-u)BusyBox v(\d+\.\d+(?:\.\d+)?)[^\d.]";

/// Patterns beside the table's, for [`Mark`].
const MARKED: &[&str] = &[OPENSSL, ZLIB, BUSYBOX];
const PATTERNS: usize = TABLE.len() + MARKED.len();

/// Longer finds may go on behind the window, and are none of a version.
const LONGEST_FIND: usize = 200;

/// Compiled when first used: most files use none.
fn pattern(index: usize) -> Option<&'static Regex> {
    static COMPILED: [OnceLock<Option<Regex>>; PATTERNS] = [const { OnceLock::new() }; PATTERNS];
    let text = match index.checked_sub(TABLE.len()) {
        None => TABLE[index].pattern,
        Some(marked) => MARKED[marked],
    };
    COMPILED[index]
        .get_or_init(|| Regex::new(text).ok())
        .as_ref()
}

/// What any program may have inside.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    OpenSsl,
    LinksOpenSsl,
    Zlib,
    BusyBox,
}

/// What the fingerprints found so far in one file.
pub(super) struct Prints {
    file: String,
    rows: Vec<(usize, Option<String>)>,
    openssl: Option<String>,
    links_openssl: bool,
    zlib: Option<String>,
    busybox: Option<String>,
}

impl Prints {
    pub(super) fn of(file: &str) -> Self {
        let rows = TABLE.iter().enumerate();
        Self {
            file: file.to_owned(),
            rows: rows
                .filter(|(_, row)| row.files.iter().any(|glob| matches(glob, file)))
                .map(|(index, row)| (index, row.of_name(index, file)))
                .collect(),
            openssl: None,
            links_openssl: false,
            zlib: None,
            busybox: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn look(&mut self, window: &Window<'_>) {
        for (index, version) in &mut self.rows {
            let row = &TABLE[*index];
            if version.is_some() && row.read != Read::Highest {
                continue;
            }
            let Some(regex) = pattern(*index) else {
                continue;
            };
            look_for(row, regex, &self.file, window, version);
        }
    }

    pub(super) fn mark(&mut self, mark: Mark, window: &Window<'_>, at: usize) {
        // The mark is a part of what the pattern takes; it begins a few bytes before at most.
        let from = at.saturating_sub(4);
        let rest = &window.bytes[from..window.bytes.len().min(at + 160)];
        let read = |index: usize| {
            let found = pattern(TABLE.len() + index)?.captures(rest)?;
            let end = found.get(0)?.end();
            // One that ends with what is looked at may go on.
            (end < at - from + 160).then(|| text(found.get(1)?.as_bytes()))?
        };
        match mark {
            Mark::LinksOpenSsl => self.links_openssl = true,
            Mark::OpenSsl if self.openssl.is_none() => self.openssl = read(0),
            Mark::Zlib if self.zlib.is_none() => self.zlib = read(1),
            Mark::BusyBox if self.busybox.is_none() => self.busybox = read(2),
            Mark::OpenSsl | Mark::Zlib | Mark::BusyBox => {}
        }
    }

    pub(super) fn finish(self, out: &mut FileFacts) {
        let mut found: Vec<(&str, String)> = Vec::new();
        for (index, version) in self.rows {
            if let Some(version) = version {
                found.push((TABLE[index].name, version));
            }
        }
        // A program that needs the library only says what it was built with.
        if let Some(version) = self.openssl.filter(|_| !self.links_openssl) {
            found.push(("openssl", version));
        }
        found.extend(self.zlib.map(|version| ("zlib", version)));
        found.extend(self.busybox.map(|version| ("busybox", version)));
        for (index, (name, version)) in found.iter().enumerate() {
            if !found[..index].iter().any(|(earlier, _)| earlier == name) {
                out.packages.push(binary(name, version, &out.path));
            }
        }
    }
}

fn look_for(
    row: &Row,
    regex: &Regex,
    file: &str,
    window: &Window<'_>,
    version: &mut Option<String>,
) {
    let mut from = window.from;
    while let Some(found) = regex.captures_at(window.bytes, from) {
        let (Some(all), Some(group)) = (found.get(0), found.get(1)) else {
            return;
        };
        if all.start() >= window.to {
            return;
        }
        // What closes one find may open the next: a zero byte between two versions.
        from = group.end().max(all.start() + 1);
        let Some(text) = text(group.as_bytes()).filter(|_| all.len() <= LONGEST_FIND) else {
            continue;
        };
        match row.read {
            Read::First => *version = Some(text),
            Read::Java => *version = Some(java_version(&text)),
            Read::AsNamed if continues_name(file, &text) => *version = Some(text),
            Read::AsNamed | Read::FileName => continue,
            Read::Highest => {
                if version
                    .as_deref()
                    .is_none_or(|best| numbers(best) < numbers(&text))
                {
                    *version = Some(text);
                }
                continue;
            }
        }
        return;
    }
}

fn matches(glob: &str, file: &str) -> bool {
    match glob.strip_suffix('*') {
        Some(start) => file.starts_with(start),
        None => file == glob,
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split('.');
    parts.map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

/// `python3.11`, `libpython3.7m.so.1.0`, `python3`: the version goes on where the name stops.
fn continues_name(file: &str, version: &str) -> bool {
    let digits = file.trim_start_matches(|c: char| !c.is_ascii_digit());
    let named: Vec<&str> = digits
        .split(|c: char| !c.is_ascii_digit())
        .take_while(|part| !part.is_empty())
        .take(2)
        .collect();
    let mut parts = version.split('.');
    named.iter().all(|part| parts.next() == Some(part))
        && (!named.is_empty() || version.starts_with("2.") || version.starts_with("3."))
}

/// `17.0.9` stays, `25.402-b06` is `1.8.0_402`, `24.80-b11` is `1.7.0_80`.
fn java_version(machine: &str) -> String {
    let old = |start: &str, release: &str| {
        let update = machine.strip_prefix(start)?.split('-').next()?;
        Some(format!("{release}_{update}"))
    };
    old("25.", "1.8.0")
        .filter(|_| machine.contains("-b"))
        .or_else(|| old("24.", "1.7.0").filter(|_| machine.contains("-b")))
        .unwrap_or_else(|| machine.to_owned())
}

fn binary(name: &str, version: &str, path: &str) -> Package {
    Package {
        path: path.to_owned(),
        direct: true,
        ..Package::new(PackageKind::Binary, name, version)
    }
}

/// Files of text that say the version of what they come with.
pub struct Releases;

const RELEASE_LIMIT: usize = 64 << 10;

impl Analyzer for Releases {
    fn name(&self) -> &'static str {
        "release-file"
    }

    fn scope(&self) -> Scope {
        Scope::Both
    }

    fn wants(&self, file: &FileMeta) -> bool {
        release_reader(&file.path).is_some()
    }

    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>> {
        let read = release_reader(&file.path)?;
        // Distributions, too, have files of that name.
        if file.file_name() == "release" && memchr::memmem::find(head, b"JAVA_VERSION=").is_none() {
            return None;
        }
        Some(Whole::sink(
            file,
            RELEASE_LIMIT,
            move |meta, bytes, out| match read(&meta.path, &String::from_utf8_lossy(bytes)) {
                Some((name, version)) => out.packages.push(binary(name, &version, &meta.path)),
                None => out.problem("no version where one belongs"),
            },
        ))
    }
}

type ReadRelease = fn(&str, &str) -> Option<(&'static str, String)>;

fn release_reader(path: &str) -> Option<ReadRelease> {
    let mut parts = path.rsplit('/');
    let (name, parent) = (parts.next()?, parts.next().unwrap_or_default());
    match (name, parent) {
        ("release", _) => Some(|_, text| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
            let value = value.trim().trim_matches('"');
            plain_version(value).map(|version| ("openjdk", version))
        }),
        ("OTP_VERSION", _) => {
            Some(|_, text| plain_version(text.trim()).map(|version| ("erlang/otp", version)))
        }
        ("version.php", "wp-includes") => Some(|_, text| {
            let line = text
                .lines()
                .find_map(|line| line.trim().strip_prefix("$wp_version"))?;
            let value = line.trim_start().strip_prefix('=')?.trim();
            let value = value.trim_end_matches(';').trim_matches(['\'', '"']);
            plain_version(value).map(|version| ("wordpress", version))
        }),
        _ => None,
    }
}

fn plain_version(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    (text.starts_with(|c: char| c.is_ascii_digit()) && text.len() < 64 && text.chars().all(plain))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_has_a_version() {
        for index in 0..PATTERNS {
            let regex = pattern(index).expect("compiles");
            assert!(regex.captures_len() == 2, "{regex}");
        }
    }

    #[test]
    fn python_goes_on_where_its_name_stops() {
        for (file, version, expected) in [
            ("python3.11", "3.11.2", true),
            ("python3.11", "3.2.0", false),
            ("libpython3.7m.so.1.0", "3.7.16", true),
            ("libpython3.13t.so.1.0", "3.13.0rc1", true),
            ("libpython3.so", "3.9.1", true),
            ("python", "2.7.18", true),
            ("python", "6.0.0", false),
        ] {
            assert_eq!(continues_name(file, version), expected, "{file} {version}");
        }
    }

    #[test]
    fn java_machines() {
        for (machine, expected) in [
            ("17.0.9", "17.0.9"),
            ("25.402-b06", "1.8.0_402"),
            ("24.80-b11", "1.7.0_80"),
            ("25.0.1", "25.0.1"),
        ] {
            assert_eq!(java_version(machine), expected);
        }
    }

    #[test]
    fn release_files() {
        for (path, text, expected) in [
            (
                "opt/jdk/release",
                "OS_NAME=\"Linux\"\nJAVA_VERSION=\"1.8.0_402\"\n",
                Some("openjdk 1.8.0_402"),
            ),
            (
                "usr/lib/erlang/releases/25/OTP_VERSION",
                "25.2.3\n",
                Some("erlang/otp 25.2.3"),
            ),
            (
                "w/wp-includes/version.php",
                "<?php\n$wp_version = '6.4.2';\n",
                Some("wordpress 6.4.2"),
            ),
            ("w/wp-includes/version.php", "<?php\n", None),
            ("opt/jdk/release", "JAVA_VERSION=\"x y\"", None),
        ] {
            let read = release_reader(path).expect(path);
            let found = read(path, text).map(|(name, version)| format!("{name} {version}"));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        assert!(release_reader("app/version.php").is_none());
    }
}
