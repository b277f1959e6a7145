//! `pmatch`: whether a path is, or is below, one of many. Components may be shell patterns.

use super::glob;
use rustc_hash::FxHashMap;

/// A tree of path components. Nodes of a depth are visited once, so a search costs at most the
/// tree's size.
#[derive(Debug, Default)]
pub(crate) struct PathTrie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    exact: FxHashMap<Box<[u8]>, usize>,
    patterns: Vec<(Box<[u8]>, usize)>,
    end: bool,
}

impl PathTrie {
    pub(crate) fn new<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut trie = Self {
            nodes: vec![Node::default()],
        };
        for path in paths {
            let mut at = 0;
            for component in components(path) {
                at = trie.child(at, component);
            }
            trie.nodes[at].end = true;
        }
        trie
    }

    fn child(&mut self, at: usize, component: &[u8]) -> usize {
        let next = self.nodes.len();
        let is_pattern = component.iter().any(|b| matches!(b, b'*' | b'?' | b'['));
        let node = &mut self.nodes[at];
        let found = if is_pattern {
            let known = node
                .patterns
                .iter()
                .find(|(known, _)| **known == *component);
            match known {
                Some((_, child)) => *child,
                None => {
                    node.patterns.push((component.into(), next));
                    next
                }
            }
        } else {
            *node.exact.entry(component.into()).or_insert(next)
        };
        if found == next {
            self.nodes.push(Node::default());
        }
        found
    }

    pub(crate) fn covers(&self, path: &[u8]) -> bool {
        self.search(0, path)
    }

    fn search(&self, at: usize, path: &[u8]) -> bool {
        let node = &self.nodes[at];
        if node.end {
            return true;
        }
        let start = path.iter().position(|b| *b != b'/').unwrap_or(path.len());
        let path = &path[start..];
        if path.is_empty() {
            return false;
        }
        let cut = memchr::memchr(b'/', path).unwrap_or(path.len());
        let (component, rest) = path.split_at(cut);
        if let Some(child) = node.exact.get(component)
            && self.search(*child, rest)
        {
            return true;
        }
        node.patterns
            .iter()
            .any(|(pattern, child)| glob::matches(pattern, component) && self.search(*child, rest))
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Paths deeper than any real one are cut: a rule's path cannot exhaust the stack.
    path.split(|b| *b == b'/')
        .filter(|c| !c.is_empty())
        .take(128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_itself_and_what_is_below() {
        let trie = |paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|p| p.as_bytes().to_vec()).collect();
            PathTrie::new(paths.iter().map(Vec::as_slice))
        };
        let both = trie(&["/var/lib/app", "/srv/*/data"]);
        for (path, expected) in [
            ("/var/lib/app", true),
            ("/var/lib/app/x/y", true),
            ("/var/lib//app/", true),
            ("/var/lib/apple", false),
            ("/var/lib", false),
            ("/srv/a/data/f", true),
            ("/srv/a/b/data", false),
            ("", false),
        ] {
            assert_eq!(both.covers(path.as_bytes()), expected, "{path}");
        }
        assert!(trie(&["/"]).covers(b"/anything"));
        assert!(!trie(&[]).covers(b"/anything"));
    }
}
