//! What if a group's policy were another.

use super::{
    Rest,
    answer::Answer,
    call::{Body, Who},
    error::Failure,
    system::small,
};
use crate::{
    app::{WhatIf as Replayed, WhatIfAct as Row},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{baseline_of, file_rule_of, mode_of, process_rule_of, rule_of},
    rest::what_if::*,
};
use rampart_model::{ConfigSource, NetworkRule, RuleId, Verdict};
use rampart_policy::what_if::{Act, Change};

/// Rules of a kind one request may carry.
const MAX_RULES: usize = 1_000;
const MAX_ROWS: usize = 1_000;
const MAX_WORKLOADS: usize = 16;

pub(super) async fn replay(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<WhatIfConfigData>,
) -> Answer<WhatIfData> {
    let group = rest.app().group(&body.config.group)?;
    who.must(
        Permission::RtPolicy,
        false,
        &group.group.domain,
        "ask about a group of this domain",
    )?;
    let change = change_of(&body.config)?;
    let replayed = rest.app().what_if(&change).await?;
    Ok(Json(WhatIfData {
        what_if: answer(&body.config.group, &replayed),
    }))
}

fn change_of(config: &WhatIfConfig) -> Result<Change, Failure> {
    let longest = [
        config.process_change_list.len(),
        config.process_delete_list.len(),
        config.add_filters.len(),
        config.delete_filters.len(),
        config.add_rules.len(),
        config.delete_rules.len(),
    ];
    if longest.into_iter().any(|len| len > MAX_RULES) {
        return Err(Failure::invalid(format!(
            "more than {MAX_RULES} rules of a kind in one request"
        )));
    }
    let mode = |field, own: &Option<String>| {
        let given = own.as_deref().or(config.mode.as_deref());
        given.map(|name| mode_of(field, name)).transpose()
    };
    let baseline = config.baseline.as_deref();
    let process = |list: &[_]| list.iter().map(process_rule_of).collect::<Result<_, _>>();
    let file = |list: &[_]| list.iter().map(file_rule_of).collect::<Result<_, _>>();
    let base = NetworkRule {
        source: ConfigSource::User,
        ..NetworkRule::default()
    };
    let rules = config.add_rules.iter().map(|rule| rule_of(rule, &base));
    Ok(Change {
        group: config.group.as_str().into(),
        policy_mode: mode("policy_mode", &config.policy_mode)?,
        profile_mode: mode("profile_mode", &config.profile_mode)?,
        baseline: baseline.map(|b| baseline_of("baseline", b)).transpose()?,
        processes: process(&config.process_change_list)?,
        drop_processes: process(&config.process_delete_list)?,
        files: file(&config.add_filters)?,
        drop_files: file(&config.delete_filters)?,
        rules: rules.collect::<Result<_, _>>()?,
        drop_rules: config.delete_rules.iter().copied().map(RuleId).collect(),
    })
}

fn answer(group: &str, replayed: &Replayed) -> WhatIf {
    let count = |picked: &dyn Fn(&Row) -> bool| {
        small(replayed.acts.iter().filter(|row| picked(row)).count())
    };
    let alerted = |row: &&Row| row.after.verdict >= Verdict::Violate;
    WhatIf {
        group: group.to_owned(),
        members: small(replayed.members),
        judged: small(replayed.acts.len()),
        allowed: count(&|row| row.after.verdict < Verdict::Violate),
        alerted: count(&|row| row.after.verdict == Verdict::Violate),
        denied: count(&|row| row.after.verdict == Verdict::Deny),
        newly_denied: count(&|row| {
            row.after.verdict == Verdict::Deny && row.before != Verdict::Deny
        }),
        acts: replayed
            .acts
            .iter()
            .filter(alerted)
            .take(MAX_ROWS)
            .map(wire)
            .collect(),
        not_asked: replayed.not_asked.clone(),
        complete: replayed.complete,
    }
}

fn wire(row: &Row) -> WhatIfAct {
    let (kind, what, detail) = match &row.act {
        Act::Process { path, user, .. } => ("process", path.clone(), user.clone()),
        Act::File {
            path, application, ..
        } => ("file", path.clone(), application.clone()),
        Act::Connection {
            ingress,
            protocol,
            port,
            peer,
            peer_groups,
            ..
        } => {
            let peer = peer_groups
                .first()
                .map_or_else(|| peer.to_string(), ToString::to_string);
            let detail = if *ingress { "from" } else { "to" };
            (
                "connection",
                format!("{peer} {protocol}/{port}"),
                detail.to_owned(),
            )
        }
    };
    WhatIfAct {
        kind: kind.to_owned(),
        what,
        detail,
        workloads: row.workloads.iter().take(MAX_WORKLOADS).cloned().collect(),
        count: row.count,
        before: row.before.name().to_owned(),
        after: row.after.verdict.name().to_owned(),
        reason: row.after.reason.to_owned(),
        rule: row.after.rule.clone(),
    }
}
