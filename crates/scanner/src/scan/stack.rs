//! Layers as they come in, in any order, kept small.
//!
//! Of a layer's entries only those can matter that lie on a path of which a layer below told
//! something. Once all layers below are there, the others are dropped, so memory does not grow
//! with the number of files. Facts over [`super::FACTS_BYTES`] are dropped with a problem.

use super::{FACTS_BYTES, Inspected, report};
use crate::cache::CachedLayer;
use rampart_model::scan::{ScanProblem, ScanTarget};
use rampart_vuln::{
    analyze::{LayerFacts, path_hash},
    layer::{Budget, facts_weight},
    merge,
};
use std::{collections::HashSet, sync::Arc};

pub(super) struct Stack {
    slots: Vec<Option<CachedLayer>>,
    /// Layers from the lowest on that are there and have been cut down.
    settled: usize,
    /// Hashes that entries of higher layers may name.
    known: HashSet<u64>,
    budget: Arc<Budget>,
    cached: usize,
}

impl Stack {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            slots: (0..layers).map(|_| None).collect(),
            settled: 0,
            known: HashSet::new(),
            budget: Arc::new(Budget::new(FACTS_BYTES)),
            cached: 0,
        }
    }

    /// What the layers' readers draw on.
    pub(super) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    pub(super) fn put(&mut self, index: usize, mut layer: CachedLayer, cached: bool) {
        // What was just read has drawn on the budget already.
        if cached && !self.budget.draw(facts_weight(&layer.facts)) {
            layer.facts = LayerFacts::default();
            layer.cut = true;
        }
        if layer.cut {
            layer.damage.get_or_insert(format!(
                "the findings of all layers take more than {FACTS_BYTES} bytes: not all of this one are listed"
            ));
        }
        self.cached += usize::from(cached);
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(layer);
        }
        while let Some(Some(layer)) = self.slots.get_mut(self.settled) {
            layer
                .facts
                .entries
                .retain(|entry| self.known.contains(entry));
            layer.facts.entries.shrink_to_fit();
            for file in &layer.facts.files {
                learn(&file.path, &mut self.known);
            }
            self.settled += 1;
        }
    }

    pub(super) fn finish(self, mut target: ScanTarget) -> Inspected {
        let mut problems = Vec::new();
        let mut facts = Vec::with_capacity(self.slots.len());
        for (index, layer) in self.slots.into_iter().enumerate() {
            let layer = layer.unwrap_or_default();
            if let Some(shown) = target.layers.get_mut(index) {
                if shown.digest.is_empty() {
                    shown.digest.clone_from(&layer.digest);
                }
                if shown.diff_id.is_empty() {
                    shown.diff_id.clone_from(&layer.diff_id);
                }
                if shown.size_bytes == 0 {
                    shown.size_bytes = layer.stored_bytes;
                    target.size_bytes = target.size_bytes.saturating_add(layer.stored_bytes);
                }
                if let Some(reason) = layer.damage {
                    problems.push(ScanProblem {
                        path: format!("layer {}", shown.digest),
                        reason,
                        layer: u32::try_from(index).ok(),
                    });
                }
            }
            facts.push(layer.facts);
        }
        let incomplete = !problems.is_empty();
        let mut report = report(target, merge::merge(facts));
        problems.append(&mut report.problems);
        report.problems = problems;
        Inspected {
            report,
            incomplete,
            cached_layers: self.cached,
        }
    }
}

/// The path, each directory above it, and the path as a directory.
fn learn(path: &str, known: &mut HashSet<u64>) {
    for (end, _) in path.match_indices('/') {
        known.insert(path_hash(&path[..end]));
    }
    known.insert(path_hash(path));
    known.insert(path_hash(&format!("{path}/")));
}
