//! Process and file profiles of groups.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    group,
};
use crate::{
    app::{FilePatch, GroupView, ProfilePatch},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{baseline_of, cfg_type, file_filter, file_rule_of, process_entry, process_rule_of},
    query::ListQuery,
    rest::{
        Empty,
        file::{
            FileFilterConfig, FileProfile, FileProfileConfigData, FileProfileData, FileProfilesData,
        },
        process::{
            ProcessProfile, ProcessProfileConfigData, ProcessProfileData,
            ProcessProfileEntryConfig, ProcessProfilesData, ProcessRuleUse, ProcessRulesData,
        },
    },
};
use rampart_model::{FileRule, ProcessRule};
use std::sync::Arc;

/// Rules one request may change.
const MAX_CHANGES: usize = 10_000;

fn processes(view: &GroupView) -> ProcessProfile {
    let group = &view.group;
    ProcessProfile {
        group: group.name.to_string(),
        alert_disabled: false,
        hash_enabled: group.profile.hash_enabled,
        baseline: group.profile.baseline.to_string(),
        mode: group
            .profile_mode
            .map(|m| m.to_string())
            .unwrap_or_default(),
        process_list: group.profile.rules.iter().map(process_entry).collect(),
    }
}

fn files(view: &GroupView) -> FileProfile {
    let filters = view.group.files.iter().map(file_filter).collect();
    FileProfile {
        group: view.group.name.to_string(),
        filters,
    }
}

fn seen(rest: &Rest, who: &Who, query: &ListQuery) -> Result<Vec<Arc<GroupView>>, Failure> {
    let mut views = group::seen(rest, who, query)?;
    views.retain(|view| group::has_profile(&view.group));
    Ok(views)
}

fn find(rest: &Rest, who: &Who, name: &str, write: bool) -> Result<Arc<GroupView>, Failure> {
    let view = group::find(rest, who, name, write)?;
    if group::has_profile(&view.group) {
        return Ok(view);
    }
    Err(Failure::not_found("profile of group", name))
}

pub(super) async fn list_processes(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<ProcessProfilesData> {
    let rows = seen(&rest, &who, &query)?
        .iter()
        .map(|view| processes(view))
        .collect();
    Ok(Json(ProcessProfilesData {
        process_profiles: pick(rows, &query)?,
    }))
}

pub(super) async fn show_processes(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
) -> Answer<ProcessProfileData> {
    let view = find(&rest, &who, &name, false)?;
    Ok(Json(ProcessProfileData {
        process_profile: processes(&view),
    }))
}

pub(super) async fn update_processes(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Body(body): Body<ProcessProfileConfigData>,
) -> Answer<Empty> {
    find(&rest, &who, &name, true)?;
    let config = body.process_profile_config;
    if config.alert_disabled == Some(true) {
        return Err(Failure::unsupported(
            "alerts of a profile cannot be switched off; Discover mode gives none",
        ));
    }
    let rules =
        |list: &Option<Vec<ProcessProfileEntryConfig>>| -> Result<Vec<ProcessRule>, Failure> {
            let list = list.as_deref().unwrap_or_default();
            limit(list.len())?;
            Ok(list.iter().map(process_rule_of).collect::<Result<_, _>>()?)
        };
    let baseline = config.baseline.as_deref().filter(|b| !b.is_empty());
    let patch = ProfilePatch {
        baseline: baseline.map(|b| baseline_of("baseline", b)).transpose()?,
        mode: None,
        hash_enabled: config.hash_enabled,
        change: rules(&config.process_change_list)?,
        delete: rules(&config.process_delete_list)?,
    };
    rest.app().patch_profile(&name, patch).await?;
    done()
}

fn limit(count: usize) -> Result<(), Failure> {
    if count > MAX_CHANGES {
        return Err(Failure::invalid(format!(
            "more than {MAX_CHANGES} rules in one request"
        )));
    }
    Ok(())
}

/// Where a rule named in an incident is in use. The reasons that are not rules of a profile (a
/// file the image did not ship, and so on) have ids of their own, and no group.
pub(super) async fn process_rule(
    State(rest): State<Rest>,
    who: Who,
    Name(uuid): Name,
) -> Answer<ProcessRulesData> {
    let mut process_rules = Vec::new();
    for (group, rule) in rest.app().process_rule(&uuid) {
        let domain = rest
            .app()
            .group(group.as_str())
            .map(|v| v.group.domain.clone())
            .unwrap_or_default();
        if who.sees(Permission::RtPolicy, &domain) {
            let mut entry = process_entry(&rule);
            entry.cfg_type = cfg_type(rule.source);
            process_rules.push(ProcessRuleUse {
                active: 1,
                group: group.to_string(),
                rule: entry,
            });
        }
    }
    if process_rules.is_empty() {
        return Err(Failure::not_found("process rule", &uuid));
    }
    Ok(Json(ProcessRulesData { process_rules }))
}

pub(super) async fn list_files(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<FileProfilesData> {
    let rows = seen(&rest, &who, &query)?
        .iter()
        .map(|view| files(view))
        .collect();
    Ok(Json(FileProfilesData {
        profiles: pick(rows, &query)?,
    }))
}

pub(super) async fn show_files(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
) -> Answer<FileProfileData> {
    let view = find(&rest, &who, &name, false)?;
    Ok(Json(FileProfileData {
        profile: files(&view),
    }))
}

pub(super) async fn update_files(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Body(body): Body<FileProfileConfigData>,
) -> Answer<Empty> {
    find(&rest, &who, &name, true)?;
    let rules = |list: &Option<Vec<FileFilterConfig>>| -> Result<Vec<FileRule>, Failure> {
        let list = list.as_deref().unwrap_or_default();
        limit(list.len())?;
        Ok(list.iter().map(file_rule_of).collect::<Result<_, _>>()?)
    };
    let patch = FilePatch {
        add: rules(&body.config.add_filters)?,
        update: rules(&body.config.update_filters)?,
        delete: rules(&body.config.delete_filters)?,
    };
    rest.app().patch_files(&name, patch).await?;
    done()
}
