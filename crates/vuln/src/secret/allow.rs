//! What is never a secret: sample values, and files that hold none by nature.

use regex::bytes::Regex;

/// Endings of files that are no text, or text that is only sums of other files.
const ENDINGS: &[&str] = &[
    ".a",
    ".avi",
    ".bmp",
    ".bz2",
    ".class",
    ".dll",
    ".eot",
    ".exe",
    ".gif",
    ".gmo",
    ".gz",
    ".ico",
    ".ilk",
    ".jar",
    ".jpeg",
    ".jpg",
    ".lib",
    ".lz4",
    ".mo",
    ".mp3",
    ".mp4",
    ".o",
    ".otf",
    ".pak",
    ".pdf",
    ".png",
    ".psd",
    ".pyc",
    ".pyo",
    ".rpm",
    ".deb",
    ".apk",
    ".so",
    ".svg",
    ".tar",
    ".tgz",
    ".tif",
    ".tiff",
    ".ttf",
    ".wasm",
    ".wav",
    ".webm",
    ".webp",
    ".whl",
    ".woff",
    ".woff2",
    ".xz",
    ".zip",
    ".zst",
    ".d.ts",
    ".map",
    ".min.js",
    ".min.css",
    ".po",
    ".pot",
    ".gresource",
];

/// Lock files: full of hashes, none of them secret.
const LOCK_FILES: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    ".package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "Cargo.lock",
    "go.sum",
    "go.mod",
    "composer.lock",
    "Gemfile.lock",
    "poetry.lock",
    "Pipfile.lock",
    "uv.lock",
    "pdm.lock",
    "pubspec.lock",
    "mix.lock",
    "packages.lock.json",
    "gradle.lockfile",
    "flake.lock",
    "RECORD",
    "md5sums",
];

/// What the distribution brings: documentation, headers, translations, its own libraries' data.
const DISTRIBUTION: &[&str] = &[
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/i18n/",
    "usr/share/zoneinfo/",
    "usr/share/perl",
    "usr/share/vim/",
    "usr/share/licenses/",
    "usr/share/common-licenses/",
    "usr/share/mime/",
    "usr/share/icons/",
    "usr/share/fonts/",
    "usr/share/bash-completion/",
    "usr/share/zsh/",
    "usr/share/gcc",
    "usr/share/gdb/",
    "usr/share/X11/",
    "usr/share/terminfo/",
    "usr/share/pixmaps/",
    "usr/share/lintian/",
    "usr/share/ca-certificates/",
    "usr/share/python-wheels/",
    "usr/share/javascript/",
    "usr/share/nodejs/",
    "usr/share/gocode/",
    "usr/share/go-",
    "usr/include/",
    "usr/local/include/",
    "usr/lib/python3",
    "usr/lib/python2",
    "usr/lib/gcc/",
    "usr/lib/ruby/",
    "usr/lib/x86_64-linux-gnu/",
    "usr/lib/aarch64-linux-gnu/",
    "usr/lib/terminfo/",
    "usr/lib/locale/",
    "usr/lib/modules/",
    "lib/modules/",
    "usr/lib/go-",
    "usr/lib/rustlib/",
    "usr/lib/jvm/",
    "usr/lib/git-core/",
    "usr/src/linux-",
    "usr/local/go/src/",
    "etc/ssl/certs/",
    "var/lib/dpkg/",
    "var/lib/apt/",
    "lib/apk/db/",
    "var/lib/rpm/",
    "proc/",
    "sys/",
];

/// Folders of samples within libraries.
const SAMPLES: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testdata",
    "test_data",
    "__tests__",
    "fixtures",
    "__fixtures__",
    "spec",
    "examples",
    "example",
    "mocks",
    "__mocks__",
    "docs",
    "doc",
];

/// Whether a file of this name is searched at all.
pub(super) fn is_passed_over(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCK_FILES.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || name.contains(".so.")
        || DISTRIBUTION.iter().any(|prefix| path.starts_with(prefix))
        || is_sample_of_a_library(path)
}

/// Tests and documentation inside installed libraries; a project's own tests are searched.
fn is_sample_of_a_library(path: &str) -> bool {
    let mut inside = false;
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').any(|segment| {
        let sample = inside && SAMPLES.contains(&segment);
        inside |= matches!(
            segment,
            "node_modules" | "site-packages" | "dist-packages" | "gems" | "vendor" | "registry"
        );
        sample
    })
}

/// Words that stand where a secret should be put in.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourpass",
    "yourkey",
    "yoursecret",
    "yourtoken",
    "insert",
    "replace",
    "dummy",
    "redacted",
    "foobar",
    "xxxx",
    "****",
    "....",
    "todo",
    "sample",
    "fake",
    "mysecret",
    "my_secret",
    "my-secret",
    "mypassword",
    "notreal",
    "not-a-real",
    "undefined",
    "12345678",
    "abcdefgh",
    "abcd1234",
    "deadbeef",
    "cafebabe",
    "aaaaaaaa",
    "00000000",
    "11111111",
    "lorem",
];

/// A sample value: a placeholder word, a variable, or few characters over and over.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || value.starts_with(['$', '<', '{', '%', '@'])
        || value.contains("${")
        || value.contains("{{")
        || distinct(value) < 4
}

/// The same, but only for what no issued token can be.
pub(super) fn is_sample_token(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "example",
        "xxxxxx",
        "****",
        "......",
        "placeholder",
        "redacted",
        "000000000000",
        "1234567890abcdef",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

fn distinct(value: &str) -> u32 {
    let seen = value
        .bytes()
        .fold(0u128, |seen, byte| seen | 1 << (byte & 127));
    seen.count_ones()
}

/// What the user allows: by path, by the secret, by its line, by a word in it.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    pub paths: Vec<Regex>,
    pub secrets: Vec<Regex>,
    pub lines: Vec<Regex>,
    pub matches: Vec<Regex>,
    /// In lower case.
    pub stopwords: Vec<String>,
    /// All kinds that are given must fit, not only one.
    pub all: bool,
}

impl AllowList {
    /// Passes the whole file over.
    pub(super) fn path(&self, path: &str) -> bool {
        let only_paths = self.secrets.is_empty()
            && self.lines.is_empty()
            && self.matches.is_empty()
            && self.stopwords.is_empty();
        (!self.all || only_paths) && any(&self.paths, path.as_bytes())
    }

    pub(super) fn allows(&self, path: &str, secret: &[u8], found: &[u8], line: &[u8]) -> bool {
        let lower = String::from_utf8_lossy(secret).to_ascii_lowercase();
        let tests = [
            (!self.paths.is_empty(), any(&self.paths, path.as_bytes())),
            (!self.secrets.is_empty(), any(&self.secrets, secret)),
            (!self.matches.is_empty(), any(&self.matches, found)),
            (!self.lines.is_empty(), any(&self.lines, line)),
            (
                !self.stopwords.is_empty(),
                self.stopwords
                    .iter()
                    .any(|word| lower.contains(word.as_str())),
            ),
        ];
        let mut given = tests
            .iter()
            .filter(|(given, _)| *given)
            .map(|(_, fits)| *fits)
            .peekable();
        if self.all {
            given.peek().is_some() && given.all(|fits| fits)
        } else {
            given.any(|fits| fits)
        }
    }
}

fn any(patterns: &[Regex], text: &[u8]) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_passed_over() {
        for (path, want) in [
            ("app/package-lock.json", true),
            ("usr/share/doc/x/README", true),
            ("app/node_modules/x/test/key.pem", true),
            ("app/test/key.pem", false),
            ("usr/share/nginx/html/config.js", false),
            ("usr/lib/libx.so.1", true),
            ("app/.env", false),
            ("usr/local/lib/python3.9/site-packages/x/config.py", false),
        ] {
            assert_eq!(is_passed_over(path), want, "{path}");
        }
    }

    #[test]
    fn placeholders() {
        for value in [
            "changeme123",
            "${TOKEN}",
            "<token>",
            "xxxxxxxxxxxx",
            "your_api_key",
            "aabbaabb",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        assert!(!is_placeholder("k7Gq2Lp9Zx"));
    }
}
