//! Rule files in Falco's language.
//!
//! Holds: no panic; every rule that is loaded has a name and can be evaluated; every diagnostic has
//! a place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_detect::{Event, EventType, Options, RuleFile, Rules};

fuzz_target!(|text: &str| {
    let file = RuleFile { name: "f", text };
    let (rules, diagnostics) = Rules::load(&[file], &Options::default());
    let mut state = rules.state();
    for kind in ["execve", "openat", "connect", "nosuch"] {
        let event = Event {
            kind: EventType::named(kind),
            other_kind: kind.as_bytes(),
            ..Event::default()
        };
        rules.matches(&event, &mut state, |rule| {
            assert!(!rule.name.is_empty());
            let _ = rule.alert(&event, "h").to_json();
        });
    }
    for rule in rules.rules() {
        let _ = rules.parts(rule);
    }
    for diagnostic in diagnostics {
        assert!(diagnostic.place.line > 0 && !diagnostic.message.is_empty());
    }
});
