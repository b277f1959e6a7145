//! Which later layer hides a path.
//!
//! Only paths that tell something matter, and the directories above them: those are hashed first,
//! then every layer's entries are looked up among them once.

use crate::analyze::LayerFacts;
use std::collections::HashMap;

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Layers that touch a path, lowest first.
#[derive(Default)]
struct Marks {
    /// It, and all below it, is gone: deleted, or something else than a directory lies there.
    replaced: Vec<usize>,
    /// All below it is gone: the directory was emptied first.
    emptied: Vec<usize>,
}

pub(super) struct Cover {
    marks: HashMap<u64, Marks>,
}

impl Cover {
    pub(super) fn of(layers: &[LayerFacts]) -> Self {
        let mut marks: HashMap<u64, Marks> = HashMap::new();
        if layers.len() < 2 {
            return Self { marks };
        }
        for file in layers.iter().flat_map(|layer| &layer.files) {
            prefixes(&file.path, |hash, _| {
                marks.entry(hash).or_default();
            });
        }
        for (index, layer) in layers.iter().enumerate() {
            let deleted = layer.whiteouts.iter().map(|path| hash_of(path));
            for hash in layer.entries.iter().copied().chain(deleted) {
                if let Some(found) = marks.get_mut(&hash) {
                    found.replaced.push(index);
                }
            }
            for path in &layer.opaques {
                if let Some(found) = marks.get_mut(&hash_of(path)) {
                    found.emptied.push(index);
                }
            }
        }
        Self { marks }
    }

    /// The first layer above `layer` that hides the file.
    pub(super) fn end(&self, path: &str, layer: usize) -> Option<usize> {
        let mut end = usize::MAX;
        let first = |marks: &[usize]| marks.iter().copied().find(|index| *index > layer);
        prefixes(path, |hash, above| {
            let Some(marks) = self.marks.get(&hash) else {
                return;
            };
            end = end.min(first(&marks.replaced).unwrap_or(usize::MAX));
            if above {
                end = end.min(first(&marks.emptied).unwrap_or(usize::MAX));
            }
        });
        (end != usize::MAX).then_some(end)
    }
}

fn hash_of(path: &str) -> u64 {
    let path = path.trim_start_matches("./").trim_matches('/');
    crate::analyze::path_hash(if path == "." { "" } else { path })
}

/// Hashes of the root, of each directory above the path, of the path, and of the path as a
/// directory; with whether it lies above the path.
fn prefixes(path: &str, mut each: impl FnMut(u64, bool)) {
    let mut hash = FNV_START;
    each(hash, true);
    for byte in path.bytes() {
        if byte == b'/' {
            each(hash, true);
        }
        hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    }
    each(hash, false);
    each((hash ^ u64::from(b'/')).wrapping_mul(FNV_PRIME), false);
}
