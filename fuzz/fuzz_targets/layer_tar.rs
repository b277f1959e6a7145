//! Layers: any bytes, given whole and in pieces.
//!
//! Holds: no panic, the same facts whatever the pieces, and every path is from the root.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::layer::{Collected, Collector, Selection, TarPush};
use std::sync::{Arc, LazyLock};

static SELECTION: LazyLock<Arc<Selection>> = LazyLock::new(|| Arc::new(Selection::all()));

fn read(bytes: &[u8], piece: usize) -> Collected {
    let mut tar = TarPush::new(Collector::new(Arc::clone(&SELECTION)));
    bytes.chunks(piece).for_each(|piece| tar.push(piece));
    tar.finish(false)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(bytes, bytes.len().max(1));
    let pieces = read(bytes, 1 + usize::from(*first) * 7);
    assert_eq!(whole.facts, pieces.facts);
    assert_eq!((&whole.damage, &whole.late), (&pieces.damage, &pieces.late));
    for file in &whole.facts.files {
        assert!(!file.path.split('/').any(|part| matches!(part, "" | "." | "..")), "{:?}", file.path);
    }
    let again = Collector::again(Arc::clone(&SELECTION), whole.late);
    let mut tar = TarPush::new(again);
    tar.push(bytes);
    tar.finish(true);
});
