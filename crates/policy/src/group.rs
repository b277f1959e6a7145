//! Names of learned groups, and the groups that always exist.

use rampart_model::{
    ConfigSource, Group, GroupKind, GroupName, Mode, Timestamp, Workload, settings::Settings,
};

/// Longest service name and domain that are kept, in bytes.
const PART_BYTES: usize = 200;

/// `web.shop`: service and domain, with what a URL reserves turned into `:`. Characters outside
/// printable ASCII are left out; case is kept.
pub fn service_name(service: &str, domain: &str) -> String {
    let service = normalize(service);
    let domain = normalize(domain);
    if domain.is_empty() {
        service
    } else {
        format!("{service}.{domain}")
    }
}

/// The learned group of a service: `nv.web.shop`, or `nv.web` without a domain.
pub fn learned_name(service: &str, domain: &str) -> GroupName {
    GroupName::new(format!(
        "{}{}",
        Group::LEARNED_PREFIX,
        service_name(service, domain)
    ))
}

/// The learned group a workload belongs to.
pub fn learned_group_of(workload: &Workload) -> GroupName {
    learned_name(service_of(workload), &workload.domain)
}

/// `web.shop` for the group `nv.web.shop`; `None` for groups that are not learned ones.
pub fn service_of_group(group: &GroupName) -> Option<&str> {
    group.as_str().strip_prefix(Group::LEARNED_PREFIX)
}

/// The service, or the best stand-in for one: image name, container name, id.
fn service_of(workload: &Workload) -> &str {
    let image = workload.image.split('@').next().unwrap_or_default();
    let image = image
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .split(':')
        .next()
        .unwrap_or_default();
    [
        workload.service.as_str(),
        image,
        workload.name.as_str(),
        workload.id.short(),
    ]
    .into_iter()
    .find(|name| !normalize(name).is_empty())
    .unwrap_or("unknown")
}

fn normalize(name: &str) -> String {
    name.chars()
        .filter(|c| matches!(c, ' '..='~'))
        .map(|c| {
            if matches!(c, '/' | '?' | '%' | '&' | ' ') {
                ':'
            } else {
                c
            }
        })
        .take(PART_BYTES)
        .collect()
}

/// A learned group as it is first made, with the modes for new services.
pub fn new_learned(name: &GroupName, domain: &str, settings: &Settings, now: Timestamp) -> Group {
    let mut group = Group {
        name: name.clone(),
        kind: GroupKind::Container,
        source: ConfigSource::Learned,
        domain: domain.to_owned(),
        policy_mode: Some(settings.new_service_policy_mode),
        profile_mode: Some(settings.new_service_profile_mode),
        created_at: now,
        updated_at: now,
        ..Group::default()
    };
    group.profile.baseline = settings.new_service_baseline;
    group
}

/// `external`, `nodes` and `containers`. Only `nodes` has modes.
pub fn reserved(now: Timestamp) -> Vec<Group> {
    let make = |name: &str, kind, modes: Option<Mode>| Group {
        name: name.into(),
        kind,
        source: ConfigSource::System,
        reserved: true,
        policy_mode: modes,
        profile_mode: modes,
        created_at: now,
        updated_at: now,
        ..Group::default()
    };
    vec![
        make(Group::CONTAINERS, GroupKind::Container, None),
        make(Group::EXTERNAL, GroupKind::External, None),
        make(Group::NODES, GroupKind::Node, Some(Mode::Discover)),
    ]
}

/// Whether an operator may give a group this name.
pub fn valid_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=256).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-:@".contains(c));
    if !fits {
        return Err(
            "a group name has 1 to 256 letters, digits or . _ - : @ and starts with a letter or digit",
        );
    }
    let taken = [Group::EXTERNAL, Group::NODES, Group::CONTAINERS].contains(&name)
        || name.starts_with(Group::LEARNED_PREFIX)
        || name.starts_with("fed.");
    if taken {
        Err("the name is reserved")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learned_names() {
        let check = |service: &str, domain: &str, expected: &str| {
            assert_eq!(learned_name(service, domain).as_str(), expected);
        };
        check("web", "shop", "nv.web.shop");
        check("web", "", "nv.web");
        check("Web", "Shop", "nv.Web.Shop");
        check("a b/c?d%e&f", "", "nv.a:b:c:d:e:f");
        check("wéb\u{1b}[31m\n", "x", "nv.wb[31m.x");
        assert_eq!(learned_name(&"x".repeat(5000), "").as_str().len(), 203);
        assert_eq!(service_of_group(&"nv.web.shop".into()), Some("web.shop"));
        assert_eq!(service_of_group(&"external".into()), None);
    }

    #[test]
    fn a_workload_without_service_still_has_a_group() {
        let check = |service: &str, image: &str, name: &str, id: &str, expected: &str| {
            let workload = Workload {
                service: service.into(),
                image: image.into(),
                name: name.into(),
                id: id.into(),
                ..Workload::default()
            };
            assert_eq!(learned_group_of(&workload).as_str(), expected);
        };
        check("web", "nginx", "n", "1", "nv.web");
        check(
            "",
            "reg.example:5000/a/nginx:1.25@sha256:00",
            "n",
            "1",
            "nv.nginx",
        );
        check("", "", "db", "1", "nv.db");
        check("", "", "", "0123456789abcdef", "nv.0123456789ab");
        check("\u{7}", "", "", "", "nv.unknown");
    }

    #[test]
    fn group_names() {
        for good in ["a", "web-1.shop", "x:y@z"] {
            assert_eq!(valid_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a b",
            "é",
            "nodes",
            "external",
            "nv.web",
            "fed.x",
            "<script>",
            &"x".repeat(257),
        ] {
            assert!(valid_name(bad).is_err(), "{bad}");
        }
    }
}
