//! What a file may require: a version of the rule engine, and plugins.

/// The version of Falco's engine whose language this is.
pub(crate) const ENGINE_VERSION: (u64, u64, u64) = (0, 63, 0);

/// What Falco has in plugins and is built in here, with the version it answers to.
pub(crate) const PLUGINS: &[(&str, (u64, u64, u64))] =
    &[("container", (0, 9, 0)), ("k8smeta", (0, 4, 0))];

pub(crate) type Version = (u64, u64, u64);

/// `0.57.0`, `0.57`, or a plain number, which counts as the middle one.
pub(crate) fn parse(text: &str) -> Option<Version> {
    let parts: Vec<u64> = text
        .trim()
        .split(['-', '+'])
        .next()?
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    match parts.as_slice() {
        [minor] => Some((0, *minor, 0)),
        [major, minor] => Some((*major, *minor, 0)),
        [major, minor, patch] => Some((*major, *minor, *patch)),
        _ => None,
    }
}

pub(crate) fn shown((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// Same major, and not older: a later major may have taken something away.
pub(crate) fn satisfies(have: Version, wanted: Version) -> bool {
    have.0 == wanted.0 && have >= wanted
}
