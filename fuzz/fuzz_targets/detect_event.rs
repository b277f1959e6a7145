//! Events by field names, as `rampart rules test` reads them.
//!
//! Holds: no panic, whatever the rules that come with Rampart ask of the event; alerts are JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_detect::{Options, RuleFile, Rules, State, builtin, field::named::NamedEvent};
use std::cell::RefCell;

thread_local! {
    static RULES: RefCell<(Rules, State)> = RefCell::new({
        let files: Vec<_> = builtin::ALL
            .iter()
            .map(|(name, text)| RuleFile { name, text })
            .collect();
        let (rules, _) = Rules::load(&files, &Options::default());
        let state = rules.state();
        (rules, state)
    });
}

fuzz_target!(|line: &[u8]| {
    let Ok(event) = NamedEvent::parse(line) else {
        return;
    };
    RULES.with_borrow_mut(|(rules, state)| {
        event.visit(1, 1, |event| {
            rules.matches(event, state, |rule| {
                let alert = rule.alert(event, "h").to_json();
                assert!(alert["output_fields"].is_object());
            });
            // Every field that can be asked is asked.
            for rule in rules.rules() {
                let _ = rule.alert(event, "h").text();
            }
        });
    });
});
