//! Services: learned groups without the prefix `nv.`.

use super::{App, Draft, GroupView, List, ServiceChange, ServiceView, group};
use crate::AppError;
use rampart_model::{ConfigSource, Criterion, CriterionOp, Group, GroupName, Mode};
use rampart_policy::group as naming;
use std::{collections::HashSet, sync::Arc};

impl App {
    /// Every service, by name.
    pub fn services(&self) -> List<ServiceView> {
        let exposed = self.talk().exposed();
        self.groups()
            .iter()
            .filter(|view| naming::service_of_group(&view.group.name).is_some())
            .map(|view| Arc::new(self.service_view(view, &exposed)))
            .collect()
    }

    /// One service, or the group `nodes`.
    pub fn service(&self, name: &str) -> Result<Arc<ServiceView>, AppError> {
        let group = group_of(name);
        let view = self
            .group(group.as_str())
            .map_err(|_| AppError::not_found("service", name))?;
        let exposed = self.talk().exposed();
        Ok(Arc::new(self.service_view(&view, &exposed)))
    }

    fn service_view(&self, view: &GroupView, exposed: &Exposed) -> ServiceView {
        let group = &view.group;
        let name = naming::service_of_group(&group.name).unwrap_or(group.name.as_str());
        let settings = self.settings();
        ServiceView {
            name: name.to_owned(),
            domain: group.domain.clone(),
            group: group.name.clone(),
            comment: group.comment.clone(),
            source: group.source,
            policy_mode: group
                .policy_mode
                .unwrap_or(settings.new_service_policy_mode),
            profile_mode: group
                .profile_mode
                .unwrap_or(settings.new_service_profile_mode),
            baseline: group.profile.baseline,
            not_scored: group.not_scored,
            members: view.members.clone(),
            running_members: view.running_members,
            rules: view.rules.clone(),
            applications: view.applications.clone(),
            ingress_exposed: view
                .members
                .iter()
                .any(|id| exposed.ingress.contains(id.as_str())),
            egress_exposed: view
                .members
                .iter()
                .any(|id| exposed.egress.contains(id.as_str())),
        }
    }

    /// Makes a service before its first container runs. Modes default to those for new services.
    pub async fn create_service(
        &self,
        name: &str,
        domain: &str,
        comment: &str,
        change: ServiceChange,
    ) -> Result<(), AppError> {
        let full = naming::learned_name(name, domain);
        if name.is_empty() || full.as_str() != format!("nv.{}", joined(name, domain)) {
            return Err(AppError::invalid(
                "a service and its domain have 1 to 200 printable ASCII characters without / ? % & and blanks",
            ));
        }
        group::check_comment(comment)?;
        let writer = self.writer().await;
        if self.read(|state| state.group(&full).is_some()) {
            return Err(AppError::exists("service", joined(name, domain)));
        }
        let mut made = naming::new_learned(&full, domain, &self.settings(), self.now());
        made.source = ConfigSource::User;
        made.comment = comment.to_owned();
        let equal = |key: &str, value: &str| Criterion {
            key: key.into(),
            op: CriterionOp::Equal,
            value: value.into(),
        };
        made.criteria = vec![
            equal("service", &joined(name, domain)),
            equal("domain", domain),
        ];
        apply(&mut made, &change);
        let mut draft = Draft::default();
        draft.put_group(made);
        writer.commit(draft).await
    }

    /// Changes modes and baseline of services; `nodes` is taken as one. No names: all of them.
    pub async fn configure_services(
        &self,
        names: &[String],
        change: ServiceChange,
    ) -> Result<(), AppError> {
        let writer = self.writer().await;
        let now = self.now();
        let targets: Vec<GroupName> = if names.is_empty() {
            self.read(|state| {
                let has_modes = |g: &Group| g.policy_mode.is_some() || g.profile_mode.is_some();
                state
                    .groups
                    .values()
                    .filter(|g| has_modes(&g.value))
                    .map(|g| g.value.name.clone())
                    .collect()
            })
        } else {
            names.iter().map(|name| group_of(name)).collect()
        };
        let mut draft = Draft::default();
        for target in targets {
            let known = self.existing(&target)?;
            if matches!(known.source, ConfigSource::Crd | ConfigSource::Federal) {
                if names.is_empty() {
                    continue;
                }
                return Err(AppError::read_only("service", target.as_str()));
            }
            if known.policy_mode.is_none() && known.profile_mode.is_none() {
                return Err(AppError::invalid(format!(
                    "{target} is no service and has no mode"
                )));
            }
            let mut group = Group::clone(&known);
            apply(&mut group, &change);
            if group != *known {
                group.updated_at = now;
                draft.put_group(group);
            }
        }
        let modes = self.mode_changes(&draft);
        writer.commit(draft).await?;
        drop(writer);
        self.record(self.note_modes(&modes)).await
    }
}

/// Workloads that talk with the outside.
#[derive(Default)]
pub(crate) struct Exposed {
    pub(crate) ingress: HashSet<String>,
    pub(crate) egress: HashSet<String>,
}

fn apply(group: &mut Group, change: &ServiceChange) {
    let or = |new: Option<Mode>, old: Option<Mode>| new.or(old);
    group.policy_mode = or(change.policy_mode, group.policy_mode);
    group.profile_mode = or(change.profile_mode, group.profile_mode);
    group::set(&mut group.profile.baseline, change.baseline);
    group::set(&mut group.not_scored, change.not_scored);
}

fn joined(name: &str, domain: &str) -> String {
    if domain.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{domain}")
    }
}

/// `web.shop` or `nv.web.shop` or `nodes`.
fn group_of(service: &str) -> GroupName {
    if service == Group::NODES || service.starts_with(Group::LEARNED_PREFIX) {
        return service.into();
    }
    format!("{}{service}", Group::LEARNED_PREFIX).into()
}
