//! What Falco's parser takes and refuses.

use crate::support::{json, reference};
use rampart_detect::condition::parser;

#[test]
fn falco_takes_and_refuses_the_same() {
    let Some(folder) = reference() else { return };
    let vectors = json(&folder.join("falco_parser_vectors.json"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for (kind, accepts) in [("accept", true), ("reject", false)] {
        for text in vectors[kind].as_array().unwrap() {
            let text = text.as_str().unwrap();
            let parsed = parser::parse(text);
            count += 1;
            if parsed.is_ok() != accepts {
                wrong.push(format!("{kind}: {text}: {parsed:?}"));
            }
        }
    }
    println!("{} of {count} parser vectors", count - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
