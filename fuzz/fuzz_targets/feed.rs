//! What every feed target shares: a file is given to a parser, twice.
//!
//! Holds: no panic, the same rows both times, no row without a package or an id, and counts that
//! agree with what was given out.

use rampart_updater::{
    feed,
    output::{Collected, Output, Stats},
};

/// The first byte picks feed and file name, the rest is the file.
pub fn read(choices: &[(&str, &str)], data: &[u8]) {
    let [pick, bytes @ ..] = data else { return };
    let Some((feed, name)) = choices.get(usize::from(*pick) % choices.len()) else {
        return;
    };
    let (first, stats) = once(feed, name, bytes);
    let (second, _) = once(feed, name, bytes);
    assert_eq!(first.advisories, second.advisories);
    assert_eq!(stats.rows, first.advisories.len() as u64);
    assert_eq!(stats.records, first.records.len() as u64);
    assert!(stats.errors >= stats.diagnostics.len() as u64);
    for row in &first.advisories {
        assert!(!row.package.is_empty() && !row.id.is_empty());
    }
}

fn once(name: &str, file: &str, bytes: &[u8]) -> (Collected, Stats) {
    let feed = feed::by_name(name).expect("a feed of that name");
    let mut parser = (feed.parser)();
    let (mut sink, mut stats) = (Collected::default(), Stats::default());
    let mut out = Output::new(feed.name, &mut sink, &mut stats);
    assert!(parser.wants(file));
    out.begin(file);
    parser.file(file, bytes, &mut out);
    parser.finish(&mut out);
    (sink, stats)
}
