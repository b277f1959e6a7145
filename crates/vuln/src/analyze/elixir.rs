//! Elixir and Erlang: `mix.lock`, an Elixir map of one entry a line. Limit: 16 MiB.
//!
//! `"name": {:hex, :package, "1.2.3", "<sha256>", [:mix], [{:dep, "~> 1.0", […]}], "hexpm", …},`
//! is read token by token within its line; nothing is evaluated.

use super::{
    FileMeta, Scope,
    document::decode,
    manifest::{Graph, Listing, Manifest, Names},
};
use rampart_model::package::{Package, PackageKind};

pub static MIX_LOCK: Manifest = Manifest {
    name: "mix",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "mix.lock",
    read,
};

fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let mut graph = Graph::default();
    let mut names = Names::default();
    let mut needs: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let Some((name, value)) = line
            .strip_prefix('"')
            .and_then(|rest| rest.split_once("\": "))
        else {
            continue;
        };
        let tokens = Tokens(value);
        let mut tokens = tokens.filter(|token| !matches!(token, Token::Mark));
        match tokens.next() {
            Some(Token::Atom("hex")) => {}
            Some(Token::Atom(source)) => {
                let why = if source == "git" {
                    "taken from git"
                } else {
                    "given by a path"
                };
                listing.left_out(why, name);
                continue;
            }
            _ => {
                listing.bad(name, "no source");
                continue;
            }
        }
        let (package, version) = (tokens.next(), tokens.next());
        let (Some(Token::Atom(package) | Token::Text(package)), Some(Token::Text(version))) =
            (package, version)
        else {
            listing.bad(name, "no version");
            continue;
        };
        let mut found = Package::new(PackageKind::Hex, package, version);
        let hashes: Vec<&str> = tokens
            .filter_map(|token| match token {
                Token::Text(text) if is_sha256(text) => Some(text),
                _ => None,
            })
            .collect();
        // The last is of the archive itself, the first of its inner part.
        found.hashes = hashes
            .last()
            .map(|hash| format!("sha256:{hash}"))
            .into_iter()
            .collect();
        let at = graph.add(found);
        names.insert(name.to_owned(), at);
        needs.push(dependencies(value));
    }
    for (at, needed) in needs.iter().enumerate() {
        graph.needs[at] = needed.iter().filter_map(|name| names.only(name)).collect();
    }
    graph.list(listing);
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Names of the inner tuples: `{:dep, "…"`.
fn dependencies(value: &str) -> Vec<&str> {
    let inner = value.strip_prefix('{').unwrap_or(value);
    inner
        .match_indices("{:")
        .filter_map(|(at, _)| inner[at + 2..].split([',', '}', ' ']).next())
        .filter(|name| !name.is_empty())
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Atom(&'t str),
    Text(&'t str),
    Mark,
}

struct Tokens<'t>(&'t str);

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let rest = self.0.trim_start_matches([' ', ',']);
        let first = rest.chars().next()?;
        let (token, rest) = match first {
            '"' => {
                let (text, after) = rest[1..].split_once('"')?;
                (Token::Text(text), after)
            }
            ':' => {
                let body = &rest[1..];
                let end = body
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@'))
                    .unwrap_or(body.len());
                (Token::Atom(&body[..end]), &body[end..])
            }
            other => (Token::Mark, &rest[other.len_utf8()..]),
        };
        self.0 = rest;
        Some(token)
    }
}
