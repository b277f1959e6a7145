//! REST request bodies: any bytes as any body, and what parses turned into domain types.
//!
//! The first byte picks the body. Holds: no panic, and a rule that is accepted is printed and
//! accepted again as the same rule.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_api::{convert, rest};
use rampart_model::{NetworkRule, RuleId};
use serde::de::DeserializeOwned;

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn network(config: &rest::policy::PolicyRuleConfig) {
    let Ok(rule) = convert::rule_of(config, &NetworkRule::default()) else {
        return;
    };
    let wire = convert::rule(&rule);
    let again = rest::policy::PolicyRuleConfig {
        id: wire.id,
        comment: Some(wire.comment),
        from: Some(wire.from),
        to: Some(wire.to),
        ports: Some(wire.ports),
        action: Some(wire.action),
        applications: Some(wire.applications),
        disable: Some(wire.disable),
        priority: Some(wire.priority),
        cfg_type: None,
    };
    let again = convert::rule_of(&again, &NetworkRule::default()).expect("printed rules parse");
    assert_eq!(convert::ports(&rule.ports), convert::ports(&again.ports));
    assert_eq!(
        (rule.id, &rule.applications),
        (again.id, &again.applications)
    );
    let _ = RuleId(config.id).source();
}

fn rules(bytes: &[u8]) -> Option<()> {
    let action: rest::policy::PolicyRuleAction = body(bytes)?;
    let inserted = action.insert.into_iter().flat_map(|insert| insert.rules);
    inserted
        .chain(action.rules.into_iter().flatten())
        .for_each(|config| network(&config));
    Some(())
}

fn profile(bytes: &[u8]) -> Option<()> {
    let data: rest::process::ProcessProfileConfigData = body(bytes)?;
    let config = data.process_profile_config;
    if let Some(name) = &config.baseline {
        let _ = convert::baseline_of("baseline", name);
    }
    let lists = [config.process_change_list, config.process_delete_list];
    for entry in lists.into_iter().flatten().flatten() {
        if let Ok(rule) = convert::process_rule_of(&entry) {
            assert!(!rule.name.is_empty());
            let _ = convert::process_entry(&rule);
        }
    }
    Some(())
}

fn files(bytes: &[u8]) -> Option<()> {
    let data: rest::file::FileProfileConfigData = body(bytes)?;
    let lists = [
        data.config.add_filters,
        data.config.delete_filters,
        data.config.update_filters,
    ];
    for entry in lists.into_iter().flatten().flatten() {
        if let Ok(rule) = convert::file_rule_of(&entry) {
            assert!(rule.filter.starts_with('/') && !rule.filter.contains("/../"));
            let _ = convert::file_filter(&rule);
        }
    }
    Some(())
}

fn group(bytes: &[u8]) -> Option<()> {
    let data: rest::group::GroupConfigData = body(bytes)?;
    let criteria = convert::criteria_of(data.config.criteria.as_deref()?).ok()?;
    for criterion in &criteria {
        let _ = convert::criterion(criterion);
    }
    Some(())
}

fn service(bytes: &[u8]) -> Option<()> {
    let data: rest::service::ServiceBatchConfigData = body(bytes)?;
    for name in [data.config.policy_mode, data.config.profile_mode]
        .into_iter()
        .flatten()
    {
        let _ = convert::mode_of("mode", &name);
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let [pick, bytes @ ..] = data else { return };
    let _ = match pick % 7 {
        0 => rules(bytes),
        1 => profile(bytes),
        2 => files(bytes),
        3 => group(bytes),
        4 => service(bytes),
        5 => body::<rest::auth::AuthData>(bytes).map(|data| {
            // A secret never shows in what a log would print.
            if let Some(password) = &data.password {
                assert_eq!(format!("{:?}", password.password), "***");
            }
        }),
        _ => body::<rest::policy::PolicyRuleConfigData>(bytes).map(|data| network(&data.config)),
    };
});
