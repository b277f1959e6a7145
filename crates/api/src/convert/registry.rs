//! Registries as clients write and read them.

use super::{Mistake, cfg_type};
use crate::rest::{
    Secret,
    registry::{AwsKey, AwsKeyConfig, RegistryConfig, RegistrySummary, ScanSchedule},
};
use rampart_model::{
    Hidden, Registry, RegistryKind, ScheduleKind,
    registry::{AwsKey as ModelAwsKey, RegistryAuth},
};

pub fn registry_kind_of(name: &str) -> Result<RegistryKind, Mistake> {
    RegistryKind::parse(name).ok_or_else(|| {
        Mistake::new(
            "registry_type",
            name,
            "one of those that GET /v1/list/registry_type lists",
        )
    })
}

fn schedule_of(wire: &ScanSchedule) -> Result<ScheduleKind, Mistake> {
    match wire.schedule.as_str() {
        "" => Ok(ScheduleKind::Manual),
        name => ScheduleKind::parse(name)
            .ok_or_else(|| Mistake::new("schedule", name, "manual, auto or periodical")),
    }
}

fn hide(secret: &Secret) -> Hidden {
    Hidden::new(secret.0.clone())
}

fn aws(known: Option<&ModelAwsKey>, wire: &AwsKeyConfig) -> Option<ModelAwsKey> {
    let mut key = known.cloned().unwrap_or_default();
    set(&mut key.id, wire.id.as_ref());
    set(&mut key.region, wire.region.as_ref());
    secret(&mut key.access_key_id, wire.access_key_id.as_ref());
    secret(&mut key.secret_access_key, wire.secret_access_key.as_ref());
    (key != ModelAwsKey::default()).then_some(key)
}

fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

fn secret(place: &mut Hidden, value: Option<&Secret>) {
    if let Some(value) = value {
        *place = hide(value);
    }
}

/// Puts what a client sent into a registry. Its kind and name are not changed here.
pub fn apply_registry(registry: &mut Registry, wire: &RegistryConfig) -> Result<(), Mistake> {
    set(&mut registry.url, wire.registry.as_ref());
    set(&mut registry.domains, wire.domains.as_ref());
    set(&mut registry.filters, wire.filters.as_ref());
    set(
        &mut registry.rescan_after_db_update,
        wire.rescan_after_db_update.as_ref(),
    );
    set(&mut registry.scan_layers, wire.scan_layers.as_ref());
    set(&mut registry.repo_limit, wire.repo_limit.as_ref());
    set(&mut registry.tag_limit, wire.tag_limit.as_ref());
    set(&mut registry.ignore_proxy, wire.ignore_proxy.as_ref());
    set(&mut registry.jfrog_aql, wire.jfrog_aql.as_ref());
    if let Some(schedule) = &wire.schedule {
        registry.schedule = schedule_of(schedule)?;
        registry.interval_secs = schedule.interval;
    }
    apply_auth(&mut registry.auth, wire)
}

fn apply_auth(auth: &mut RegistryAuth, wire: &RegistryConfig) -> Result<(), Mistake> {
    set(&mut auth.username, wire.username.as_ref());
    secret(&mut auth.password, wire.password.as_ref());
    secret(&mut auth.token, wire.auth_token.as_ref());
    set(&mut auth.with_token, wire.auth_with_token.as_ref());
    set(
        &mut auth.gitlab_external_url,
        wire.gitlab_external_url.as_ref(),
    );
    secret(
        &mut auth.gitlab_private_token,
        wire.gitlab_private_token.as_ref(),
    );
    set(&mut auth.ibm_token_url, wire.ibm_cloud_token_url.as_ref());
    set(&mut auth.ibm_account, wire.ibm_cloud_account.as_ref());
    if let Some(mode) = &wire.jfrog_mode {
        if !["", "Repository Path", "Subdomain", "Port"].contains(&mode.as_str()) {
            return Err(Mistake::new(
                "jfrog_mode",
                mode,
                "Repository Path, Subdomain or Port",
            ));
        }
        auth.jfrog_mode.clone_from(mode);
    }
    if let Some(key) = &wire.aws_key {
        auth.aws = aws(auth.aws.as_ref(), key);
    }
    if let Some(key) = &wire.gcr_key {
        secret(&mut auth.gcr_json_key, key.json_key.as_ref());
    }
    Ok(())
}

/// A new one.
pub fn registry_of(wire: &RegistryConfig) -> Result<Registry, Mistake> {
    let kind = wire.registry_type.as_deref().unwrap_or_default();
    let mut registry = Registry {
        name: wire.name.clone(),
        kind: registry_kind_of(kind)?,
        ..Registry::default()
    };
    if let Some(source) = wire.cfg_type.as_deref()
        && !["", "user_created"].contains(&source)
    {
        return Err(Mistake::new("cfg_type", source, "user_created"));
    }
    apply_registry(&mut registry, wire)?;
    if registry.url.is_empty() {
        public_url(registry.kind).clone_into(&mut registry.url);
    }
    Ok(registry)
}

/// Where registries of one public address are.
fn public_url(kind: RegistryKind) -> &'static str {
    match kind {
        RegistryKind::Github => "https://ghcr.io/",
        RegistryKind::RedHat => "https://registry.access.redhat.com/",
        _ => "",
    }
}

/// Without its state, which the controller knows. No secret is in it.
pub fn registry_summary(registry: &Registry) -> RegistrySummary {
    let auth = &registry.auth;
    let aws = auth.aws.as_ref();
    let secrets = [
        &auth.password,
        &auth.token,
        &auth.gcr_json_key,
        &auth.gitlab_private_token,
    ];
    let has_aws = aws.is_some_and(|key| !key.secret_access_key.is_empty());
    RegistrySummary {
        name: registry.name.clone(),
        registry_type: registry.kind.to_string(),
        registry: registry.url.clone(),
        username: auth.username.clone(),
        auth_with_token: auth.with_token,
        domains: registry.domains.clone(),
        filters: registry.filters.clone(),
        rescan_after_db_update: registry.rescan_after_db_update,
        scan_layers: registry.scan_layers,
        repo_limit: registry.repo_limit,
        tag_limit: registry.tag_limit,
        schedule: ScanSchedule {
            schedule: registry.schedule.to_string(),
            interval: registry.interval_secs,
        },
        aws_key: aws.map(|key| AwsKey {
            id: key.id.clone(),
            region: key.region.clone(),
        }),
        jfrog_mode: auth.jfrog_mode.clone(),
        jfrog_aql: registry.jfrog_aql,
        gitlab_external_url: auth.gitlab_external_url.clone(),
        ibm_cloud_token_url: auth.ibm_token_url.clone(),
        ibm_cloud_account: auth.ibm_account.clone(),
        ignore_proxy: registry.ignore_proxy,
        cfg_type: cfg_type(registry.source),
        has_secret: has_aws || secrets.iter().any(|secret| !secret.is_empty()),
        ..RegistrySummary::default()
    }
}
