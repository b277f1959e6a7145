//! Python's version specifiers (PEP 440): comparisons between commas, `~=`, `==1.2.*`, `===`.
//! Pre-releases are taken in, as if a resolver was told to allow them.

use super::{Edge, RangeError, VersionSet, all_of, comparison, from_until, incremented, operator};
use crate::version::{
    Scheme,
    pep440::{Pep440, release},
};

const SCHEME: Scheme = Scheme::Pep440;
const SIGNS: [&str; 8] = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];
/// More than the number of any post-release.
const LAST_POST: &str = "99999999999999999999";

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    all_of(SCHEME, parts, |part| {
        let (sign, version) = operator(part, &SIGNS);
        if sign.is_empty() {
            return Err(RangeError::at(part));
        }
        one(sign, version)
    })
}

fn one(sign: &str, version: &str) -> Result<VersionSet, RangeError> {
    if let Some(prefix) = version.strip_suffix(".*") {
        let set = prefixed(prefix)?;
        return match sign {
            "==" => Ok(set),
            "!=" => Ok(set.complement()),
            _ => Err(RangeError::at(version)),
        };
    }
    // Old versions that follow no PEP have an order too.
    let Some(parsed) = Pep440::parse(version) else {
        return comparison(SCHEME, sign.trim_end_matches("=="), version);
    };
    let public = version.split('+').next().unwrap_or(version).trim();
    let span = |lower, upper| VersionSet::span(SCHEME, lower, upper);
    Ok(match sign {
        "===" => comparison(SCHEME, "=", version)?,
        "==" | "!=" => {
            let set = if parsed.local.is_some() {
                comparison(SCHEME, "=", version)?
            } else {
                from_until(SCHEME, public.to_owned(), after_locals(&parsed))?
            };
            if sign == "!=" { set.complement() } else { set }
        }
        "<=" => span(Edge::Open, Edge::Excluding(after_locals(&parsed)))?,
        ">=" => span(Edge::Including(public.to_owned()), Edge::Open)?,
        "<" => span(Edge::Open, Edge::Excluding(before(&parsed, public)))?,
        ">" => greater(&parsed)?,
        _ => compatible(&parsed, public)?,
    })
}

fn base(version: &Pep440<'_>) -> String {
    let epoch = String::from_utf8_lossy(version.epoch);
    if epoch.is_empty() {
        version.release.to_owned()
    } else {
        format!("{epoch}!{}", version.release)
    }
}

fn number(digits: &[u8]) -> &str {
    match std::str::from_utf8(digits) {
        Ok("") | Err(_) => "0",
        Ok(digits) => digits,
    }
}

/// What comes first after the version and all its local ones.
fn after_locals(version: &Pep440<'_>) -> String {
    let mut text = base(version);
    if let Some((kind, digits)) = version.pre {
        let kind = ["a", "b", "rc"].get(usize::from(kind)).unwrap_or(&"rc");
        text = format!("{text}{kind}{}", number(digits));
    }
    match (version.post, version.dev) {
        (Some(post), Some(dev)) => {
            format!(
                "{text}.post{}.dev{}",
                number(post),
                incremented(number(dev))
            )
        }
        (None, Some(dev)) => format!("{text}.dev{}", incremented(number(dev))),
        (Some(post), None) => format!("{text}.post{}.dev0", incremented(number(post))),
        (None, None) => format!("{text}.post0.dev0"),
    }
}

/// `<1.2` leaves the pre-releases of 1.2 out.
fn before(version: &Pep440<'_>, public: &str) -> String {
    if version.pre.is_none() && version.dev.is_none() && version.post.is_none() {
        format!("{}.dev0", base(version))
    } else {
        public.to_owned()
    }
}

/// `>1.2` leaves its post-releases out, and local ones.
fn greater(version: &Pep440<'_>) -> Result<VersionSet, RangeError> {
    let plain = version.pre.is_none() && version.dev.is_none() && version.post.is_none();
    let lower = if plain {
        Edge::Excluding(format!("{}.post{LAST_POST}", base(version)))
    } else {
        Edge::Including(after_locals(version))
    };
    Ok(VersionSet::span(SCHEME, lower, Edge::Open)?)
}

/// `~=1.4.5` is `>=1.4.5, ==1.4.*`.
fn compatible(version: &Pep440<'_>, public: &str) -> Result<VersionSet, RangeError> {
    let base = base(version);
    let (prefix, _) = base
        .rsplit_once('.')
        .ok_or_else(|| RangeError::at(public))?;
    let from = VersionSet::span(SCHEME, Edge::Including(public.to_owned()), Edge::Open)?;
    from.intersection(&prefixed(prefix)?)
}

/// Every version whose numbers begin so.
fn prefixed(prefix: &str) -> Result<VersionSet, RangeError> {
    let prefix = prefix.trim();
    let prefix = prefix.strip_prefix(['v', 'V']).unwrap_or(prefix);
    let (epoch, numbers) = prefix.split_once('!').map_or(("0", prefix), |parts| parts);
    if release(numbers) != Some(numbers) {
        return Err(RangeError::at(prefix));
    }
    let (head, last) = numbers.rsplit_once('.').unwrap_or(("", numbers));
    let dot = if head.is_empty() { "" } else { "." };
    from_until(
        SCHEME,
        format!("{epoch}!{numbers}.dev0"),
        format!("{epoch}!{head}{dot}{}.dev0", incremented(last)),
    )
}
