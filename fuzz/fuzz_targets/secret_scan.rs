//! The search for secrets in a text, in pieces and whole.
//!
//! Holds: no panic, findings are bounded, lines exist, and nothing that is found is shown whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::{
    analyze::{Analyzer, FileFacts, FileMeta},
    secret::{MAX_FINDINGS, SECRETS},
};

fuzz_target!(|data: &[u8]| {
    let [piece, repeat, text @ ..] = data else {
        return;
    };
    // Now and then repeated, so that a block's border is met.
    let times = if *repeat > 250 {
        80_000 / text.len().max(1)
    } else {
        0
    };
    let text = text.repeat(times + 1);
    let meta = FileMeta {
        path: "app/config".to_owned(),
        size: text.len() as u64,
        ..FileMeta::default()
    };
    let scan = |piece: usize| {
        let mut facts = FileFacts::default();
        if let Some(mut sink) = SECRETS.open(&meta, &[]) {
            text.chunks(piece).for_each(|part| sink.chunk(part));
            sink.finish(false, &mut facts);
        }
        facts
    };
    let whole = scan(1 << 20);
    assert_eq!(whole, scan(usize::from(*piece) * 64 + 1));
    assert!(whole.secrets.len() <= MAX_FINDINGS);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    for secret in &whole.secrets {
        assert!(secret.line >= 1 && secret.line as usize <= lines);
        assert!(secret.excerpt.chars().count() <= 160);
    }
});
