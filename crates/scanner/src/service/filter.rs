//! Which images of a registry are meant: `repository:tag`, each with `*`.
//!
//! A tag may also be a regular expression, as NeuVector's are; it must fit whole. Without a tag,
//! any is meant. Limits: expressions of 1 KiB that compile to at most 1 MiB.

use regex::{Regex, RegexBuilder};

pub(super) struct Filter {
    pub(super) repository: String,
    tag: Tag,
}

enum Tag {
    Pattern(String),
    Expression(Regex),
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_start_matches('/');
        let (repository, tag) = match text.split_once(':') {
            Some((repository, tag)) if !tag.is_empty() => (repository, tag),
            Some((repository, _)) => (repository, "*"),
            None => (text, "*"),
        };
        // `shop/` is everything below.
        let repository = match repository {
            "" => "*".to_owned(),
            folder if folder.ends_with('/') => format!("{folder}*"),
            whole => whole.to_owned(),
        };
        let meta = |c: char| "^$[](){}+|\\?".contains(c) || tag.contains(".*");
        let tag = if tag.chars().any(meta) {
            Tag::Expression(expression(tag)?)
        } else {
            Tag::Pattern(tag.to_owned())
        };
        Ok(Self { repository, tag })
    }

    /// Whether the registry must be asked which repositories it has.
    pub(super) fn is_open(&self) -> bool {
        self.repository.contains('*')
    }

    pub(super) fn takes_repository(&self, name: &str) -> bool {
        fits(&self.repository, name)
    }

    pub(super) fn takes_tag(&self, tag: &str) -> bool {
        match &self.tag {
            Tag::Pattern(pattern) => fits(pattern, tag),
            Tag::Expression(expression) => expression.is_match(tag),
        }
    }
}

fn expression(text: &str) -> Result<Regex, String> {
    if text.len() > 1024 {
        return Err("a filter's expression is longer than 1024 bytes".to_owned());
    }
    RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(1 << 20)
        .build()
        .map_err(|_| format!("'{text}' is no regular expression and no pattern with *"))
}

/// `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Newest first, as far as names tell: `latest`, then versions from high to low, then words.
pub(super) fn newest_first(tags: &mut [String]) {
    let rank = |tag: &str| {
        let number = tag.strip_prefix('v').unwrap_or(tag);
        match number.chars().next() {
            _ if tag == "latest" => 0,
            Some(first) if first.is_ascii_digit() => 1,
            _ => 2,
        }
    };
    tags.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| natural(b, a)));
}

/// Numbers in names by their value.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(rest.len());
            let after = &rest[word..];
            let digits = after
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(after.len());
            let number = after[..digits].parse().unwrap_or(u64::MAX);
            parts.push((
                if digits == 0 { 0 } else { number },
                rest[..word].to_owned(),
            ));
            rest = &after[digits..];
        }
        parts
    };
    let key = |text: &str| {
        parts(text)
            .into_iter()
            .map(|(n, w)| (w, n))
            .collect::<Vec<_>>()
    };
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (filter, repository, tag, expected) in [
            ("shop/*:*", "shop/web", "1", true),
            ("shop/*:*", "other/web", "1", false),
            ("shop/", "shop/a/b", "x", true),
            ("web", "web", "anything", true),
            ("web", "web2", "anything", false),
            ("web:1.*", "web", "1.25", true),
            ("web:1.*", "web", "2.0", false),
            ("web:v[0-9]+", "web", "v12", true),
            ("web:v[0-9]+", "web", "v12-rc", false),
            ("*:latest", "a/b", "latest", true),
            ("", "a", "b", true),
        ] {
            let filter = Filter::parse(filter).unwrap();
            let took = filter.takes_repository(repository) && filter.takes_tag(tag);
            assert_eq!(took, expected, "{repository}:{tag}");
        }
        assert!(Filter::parse("web:v[0-9").is_err());
        assert!(!Filter::parse("shop/web:*").unwrap().is_open());
    }

    #[test]
    fn newest() {
        let mut tags = ["old", "1.9", "1.10", "latest", "1.2-rc1", "2"].map(str::to_owned);
        newest_first(&mut tags);
        assert_eq!(tags, ["latest", "2", "1.10", "1.9", "1.2-rc1", "old"]);
    }
}
