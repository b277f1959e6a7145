//! Layers made in a test: what a layer's walk would tell of these files.

use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES, LayerFacts, path_hash};

#[derive(Default)]
pub(crate) struct LayerBuilder {
    facts: LayerFacts,
}

impl LayerBuilder {
    pub(crate) fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.mode(path, 0o644, bytes)
    }

    pub(crate) fn mode(mut self, path: &str, mode: u32, bytes: impl AsRef<[u8]>) -> Self {
        let facts = analyze(path, mode, bytes.as_ref());
        self.facts.entries.push(path_hash(path));
        if !facts.is_empty() {
            self.facts.files.push(facts);
        }
        self
    }

    /// Facts as another analyzer would tell them.
    pub(crate) fn facts(mut self, facts: FileFacts) -> Self {
        self.facts.entries.push(path_hash(&facts.path));
        self.facts.files.push(facts);
        self
    }

    pub(crate) fn directory(mut self, path: &str) -> Self {
        self.facts.entries.push(path_hash(&format!("{path}/")));
        self
    }

    pub(crate) fn whiteout(mut self, path: &str) -> Self {
        self.facts.whiteouts.push(path.to_owned());
        self
    }

    pub(crate) fn opaque(mut self, path: &str) -> Self {
        self.facts.opaques.push(path.to_owned());
        self
    }

    pub(crate) fn build(mut self) -> LayerFacts {
        self.facts.entries.sort_unstable();
        self.facts
    }
}

/// Every analyzer that wants the file gets it in small pieces.
pub(crate) fn analyze(path: &str, mode: u32, bytes: &[u8]) -> FileFacts {
    let meta = FileMeta {
        path: path.to_owned(),
        size: bytes.len() as u64,
        mode,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&meta)) {
        if let Some(mut sink) = analyzer.open(&meta, head) {
            bytes.chunks(1000).for_each(|chunk| sink.chunk(chunk));
            sink.finish(false, &mut facts);
        }
    }
    facts
}
