//! The module list: lines of words between tabs, as `runtime/debug` prints them.

use rampart_model::package::{Package, PackageKind};

/// Lists of real programs have a few thousand lines at most.
const LINES_LIMIT: usize = 100_000;

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModulesError {
    #[error("not UTF-8")]
    NotText,
    #[error("line {0}: a replacement of nothing")]
    NothingReplaced(usize),
    #[error("line {0}: a module without name or version")]
    Incomplete(usize),
    #[error("more than {LINES_LIMIT} lines")]
    TooLong,
}

/// The main module and its dependencies, each as replaced. A main module of a version control
/// checkout has no version of its own: that given to the linker counts then, else it is empty.
pub fn read_modules(bytes: &[u8], path: &str) -> Result<Vec<Package>, ModulesError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ModulesError::NotText)?;
    let mut packages: Vec<Package> = Vec::new();
    let mut main = None;
    let mut link_flags = "";
    let mut program = "";
    for (number, line) in (1..).zip(text.lines()) {
        if number > LINES_LIMIT {
            return Err(ModulesError::TooLong);
        }
        let mut words = line.split('\t');
        let word = words.next().unwrap_or_default();
        let name = words.next().unwrap_or_default();
        match word {
            "mod" | "dep" => {
                let version = words.next().unwrap_or_default();
                if name.is_empty() {
                    return Err(ModulesError::Incomplete(number));
                }
                if word == "mod" {
                    main = Some(packages.len());
                }
                packages.push(module(name, version, path));
            }
            "=>" => {
                let version = words.next().unwrap_or_default();
                let last = packages
                    .last_mut()
                    .ok_or(ModulesError::NothingReplaced(number))?;
                replace(last, name, version);
            }
            "path" => program = name,
            "build" => {
                let setting = line.split_once('\t').map_or("", |(_, rest)| rest);
                if let Some(flags) = setting.strip_prefix("-ldflags=") {
                    link_flags = flags;
                }
            }
            _ => {}
        }
    }
    name_main(&mut packages, main, program, &unquote(link_flags), path);
    Ok(packages)
}

/// Programs built outside modules name no main module: a repository's place does then.
fn name_main(
    packages: &mut Vec<Package>,
    main: Option<usize>,
    program: &str,
    flags: &str,
    path: &str,
) {
    if let Some(main) = main.and_then(|index| packages.get_mut(index)) {
        main.direct = true;
        if main.version.is_empty() {
            main.version = linked_version(flags, &main.name).unwrap_or_default();
        }
    } else if let Some(repository) = repository(program)
        && let Some(version) = linked_version(flags, repository)
    {
        packages.push(Package {
            direct: true,
            ..module(repository, &version, path)
        });
    }
}

fn repository(program: &str) -> Option<&str> {
    let hosts = ["github.com/", "gitlab.com/", "bitbucket.org/"];
    let host = hosts.iter().find(|host| program.starts_with(**host))?;
    let rest = program.get(host.len()..)?;
    let (owner, after) = rest.split_once('/')?;
    let name = after.split('/').next()?;
    program.get(..host.len() + owner.len() + 1 + name.len())
}

fn module(name: &str, version: &str, path: &str) -> Package {
    let version = match version {
        "(devel)" => "",
        // Built with changes that were not committed.
        version => version.strip_suffix("+dirty").unwrap_or(version),
    };
    Package {
        path: path.to_owned(),
        ..Package::new(PackageKind::Golang, name, version)
    }
}

/// A directory's code is nobody's release: it keeps the module's name and loses the version.
pub(super) fn replace(package: &mut Package, name: &str, version: &str) {
    if is_directory(name) || version.is_empty() {
        package.version.clear();
        return;
    }
    name.clone_into(&mut package.name);
    version.clone_into(&mut package.version);
}

fn is_directory(name: &str) -> bool {
    let mut chars = name.chars();
    match chars.next() {
        Some('.' | '/' | '\\') => true,
        Some(letter) => letter.is_ascii_alphabetic() && chars.next() == Some(':'),
        None => false,
    }
}

/// Settings with spaces or quotes are Go string literals.
fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.trim_matches('`').to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => break,
            },
            char => char,
        });
    }
    plain
}

/// Where whole families of programs keep their own version.
const SHARED: &[&str] = &[
    "github.com/prometheus/common/version.Version",
    "k8s.io/component-base/version.gitVersion",
];

/// `-X package.name=value` of the program itself, where the name is one that versions have.
fn linked_version(flags: &str, main: &str) -> Option<String> {
    const NAMES: &[&str] = &[
        "version",
        "gitversion",
        "buildversion",
        "appversion",
        "releaseversion",
        "tag",
        "ver",
    ];
    let mut best: Option<(usize, String)> = None;
    let words = flag_words(flags);
    for (index, word) in words.iter().enumerate() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix('-')) {
            Some("X") => words.get(index + 1).map(String::as_str),
            Some(joined) => joined.strip_prefix("X="),
            None => None,
        };
        let Some((key, value)) = setting.and_then(|setting| setting.split_once('=')) else {
            continue;
        };
        let Some((package, name)) = key.rsplit_once('.') else {
            continue;
        };
        let own = package == "main"
            || package == main
            || package.starts_with(&format!("{main}/"))
            || SHARED.contains(&key);
        let rank = NAMES.iter().position(|n| name.eq_ignore_ascii_case(n));
        if let (true, Some(rank), Some(version)) = (own, rank, as_version(value))
            && best.as_ref().is_none_or(|(found, _)| rank < *found)
        {
            best = Some((rank, version));
        }
    }
    best.map(|(_, version)| version)
}

/// Splits as the go command does: at spaces outside quotes.
fn flag_words(flags: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for char in flags.chars() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (Some(_), _) => word.push(char),
            (None, '\'' | '"') => quote = Some(char),
            (None, _) if char.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (None, _) => word.push(char),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// At least `1.2`, perhaps with a `v`; the module form has the `v`.
fn as_version(value: &str) -> Option<String> {
    let number = value.strip_prefix('v').unwrap_or(value);
    let mut parts = number.split('.');
    let digits =
        |part: Option<&str>| part.is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let plain = number
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '~' | '_'));
    (digits(parts.next()) && digits(parts.next()) && plain && value.len() < 64)
        .then(|| format!("v{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_given_to_the_linker() {
        for (flags, expected) in [
            ("-X main.version=v2.3.4", Some("v2.3.4")),
            ("-s -w -X main.Version=1.2", Some("v1.2")),
            ("-X=main.version=1.2.3-rc1", Some("v1.2.3-rc1")),
            ("-X 'main.version=2.0.1' -X main.commit=ab", Some("v2.0.1")),
            (
                "-X ex.test/tool/pkg/version.GitVersion=v1.9.0",
                Some("v1.9.0"),
            ),
            ("-X main.tag=v1.0.0 -X main.version=v1.0.1", Some("v1.0.1")),
            (
                "-X github.com/prometheus/common/version.Version=2.45.0",
                Some("v2.45.0"),
            ),
            ("-X other.test/lib.Version=v9.9.9", None),
            ("-X main.version=dev", None),
            ("-X main.goVersion=1.2.3", None),
            ("-s -w", None),
            ("-X", None),
        ] {
            let found = linked_version(flags, "ex.test/tool");
            assert_eq!(found.as_deref(), expected, "{flags}");
        }
    }

    #[test]
    fn lists() {
        let text = "path\tex.test/tool\nmod\tex.test/tool\t(devel)\t\n\
            dep\ta.test/one\tv1.0.0\th1:x\n=>\tb.test/one\tv1.1.0\th1:y\n\
            dep\ta.test/two\tv2.0.0\n=>\t./local\t(devel)\t\n\
            build\t-ldflags=\"-X main.version=3.1.4\"\n";
        let packages = read_modules(text.as_bytes(), "bin/tool").unwrap();
        let found: Vec<_> = packages
            .iter()
            .map(|p| (p.name.as_str(), p.version.as_str(), p.direct))
            .collect();
        assert_eq!(
            found,
            [
                ("ex.test/tool", "v3.1.4", true),
                ("b.test/one", "v1.1.0", false),
                ("a.test/two", "", false)
            ]
        );
        let text = "path\tgithub.com/docker/cli/cmd/docker\n\
            build\t-ldflags=\" -X \\\"github.com/docker/cli/cli/version.Version=28.2.2\\\"\"\n";
        let packages = read_modules(text.as_bytes(), "").unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].name, "github.com/docker/cli");
        assert_eq!(packages[0].version, "v28.2.2");
        assert_eq!(
            read_modules(b"=>\ta\tv1\n", ""),
            Err(ModulesError::NothingReplaced(1))
        );
        assert_eq!(
            read_modules(b"dep\t\n", ""),
            Err(ModulesError::Incomplete(1))
        );
        assert_eq!(read_modules(b"\xff", ""), Err(ModulesError::NotText));
    }
}
