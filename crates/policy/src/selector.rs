//! Group criteria, compiled once and asked often.
//!
//! Criteria of different keys must all hold. Criteria of one key are alternatives as soon as one
//! of them is positive (`=`, `contains`, `prefix`, `regex`), and must all hold when all are
//! negative (`!=`, `!regex`). All pod labels share one key, as do all namespace labels (`ns:`).
//! Limits: 64 KiB for a compiled pattern; a pattern that does not compile matches nothing.

use crate::group;
use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};
use rampart_model::{Criterion, CriterionOp, Group, GroupKind, GroupName, Workload};
use regex::{Regex, RegexBuilder};
use std::{collections::BTreeMap, net::IpAddr};

const PATTERN_BYTES: usize = 64 * 1024;

/// What is wrong with a criterion, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCriterion(pub String);

#[derive(Clone, Debug)]
enum Test {
    Any,
    Equal(String),
    Glob(Option<Regex>, String),
    Contains(String),
    Prefix(String),
    Regex(Option<Regex>),
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equal(want) => want == value,
            Self::Glob(Some(pattern), _) => pattern.is_match(value),
            Self::Glob(None, want) => want == value,
            Self::Contains(part) => value.contains(part.as_str()),
            Self::Prefix(start) => value.starts_with(start.as_str()),
            Self::Regex(pattern) => pattern.as_ref().is_some_and(|p| p.is_match(value)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Image,
    Node,
    Container,
    Service,
    Domain,
    Address,
    Application,
    /// `label`: any label, as `name=value`.
    AnyLabel,
    Label,
    NamespaceLabel,
}

#[derive(Clone, Debug)]
struct Term {
    key: Key,
    label: String,
    test: Test,
    negative: bool,
}

/// The criteria of one group.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    terms: Vec<Term>,
}

/// What criteria look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub workload: &'a Workload,
    /// Applications seen on it; empty where that is not known.
    pub applications: &'a [String],
}

impl Selector {
    pub fn compile(criteria: &[Criterion]) -> Self {
        Self {
            terms: criteria.iter().map(term).collect(),
        }
    }

    /// Whether the workload is a member. No criteria select nothing.
    pub fn selects(&self, subject: Subject<'_>) -> bool {
        let mut keys: BTreeMap<&Key, (bool, bool)> = BTreeMap::new();
        for term in &self.terms {
            let (holds, positive) = term.evaluate(subject);
            keys.entry(&term.key)
                .and_modify(|(all, any_positive)| {
                    *all = if positive || *any_positive {
                        *all || holds
                    } else {
                        *all && holds
                    };
                    *any_positive |= positive;
                })
                .or_insert((holds, positive));
        }
        !keys.is_empty() && keys.values().all(|(holds, _)| *holds)
    }
}

impl Term {
    /// (holds, positive)
    fn evaluate(&self, subject: Subject<'_>) -> (bool, bool) {
        let workload = subject.workload;
        match self.key {
            Key::Image => self.on(&workload.image),
            Key::Node => self.on(&workload.node_name),
            Key::Container => self.on(&workload.name),
            Key::Service => self.on(&workload.service),
            Key::Domain => self.on(&workload.domain),
            // Addresses select addresses, never workloads.
            Key::Address => (false, true),
            Key::Application => self.on_any(subject.applications.iter().map(String::as_str)),
            Key::AnyLabel => {
                let pairs: Vec<String> = workload
                    .labels
                    .iter()
                    .flat_map(|(k, v)| [k.clone(), format!("{k}={v}")])
                    .collect();
                self.on_any(pairs.iter().map(String::as_str))
            }
            Key::Label => self.on_label(&workload.labels),
            Key::NamespaceLabel => match &workload.pod {
                Some(pod) => self.on_label(&pod.namespace_labels),
                None => (false, true),
            },
        }
    }

    fn on(&self, value: &str) -> (bool, bool) {
        (self.test.holds(value) != self.negative, !self.negative)
    }

    fn on_any<'a>(&self, mut values: impl Iterator<Item = &'a str>) -> (bool, bool) {
        (
            values.any(|v| self.test.holds(v)) != self.negative,
            !self.negative,
        )
    }

    /// A label that is absent fails, whatever the operator.
    fn on_label(&self, labels: &BTreeMap<String, String>) -> (bool, bool) {
        labels
            .get(&self.label)
            .map_or((false, true), |value| self.on(value))
    }
}

fn term(criterion: &Criterion) -> Term {
    let (key, label) = key_of(&criterion.key);
    let negative = matches!(criterion.op, CriterionOp::NotEqual | CriterionOp::NotRegex);
    Term {
        key,
        label,
        test: test_of(criterion),
        negative,
    }
}

fn key_of(key: &str) -> (Key, String) {
    let known = match key {
        "image" => Key::Image,
        "node" => Key::Node,
        "container" => Key::Container,
        "service" => Key::Service,
        "domain" | "namespace" => Key::Domain,
        "address" => Key::Address,
        "application" => Key::Application,
        "label" => Key::AnyLabel,
        _ => match key.strip_prefix("ns:") {
            Some(label) => return (Key::NamespaceLabel, label.to_owned()),
            None => return (Key::Label, key.to_owned()),
        },
    };
    (known, String::new())
}

fn test_of(criterion: &Criterion) -> Test {
    let value = criterion.value.clone();
    match criterion.op {
        CriterionOp::Equal if value == "any" => Test::Any,
        CriterionOp::Equal | CriterionOp::NotEqual if value.contains(['?', '*']) => {
            Test::Glob(build(&glob(&value)).ok(), value)
        }
        CriterionOp::Equal | CriterionOp::NotEqual => Test::Equal(value),
        CriterionOp::Contains => Test::Contains(value),
        CriterionOp::Prefix => Test::Prefix(value),
        CriterionOp::Regex | CriterionOp::NotRegex => Test::Regex(build(&value).ok()),
    }
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES * 4)
        .build()
}

fn glob(value: &str) -> String {
    let body: String = value
        .chars()
        .map(|c| match c {
            '?' => ".".to_owned(),
            '*' => ".*".to_owned(),
            other => regex::escape(other.encode_utf8(&mut [0; 4])),
        })
        .collect();
    format!("(?s)^{body}$")
}

/// The operators' container groups of a policy, ready to be asked about many workloads.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    selectors: Vec<(GroupName, Selector)>,
}

impl Membership {
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Self {
        let custom = groups
            .into_iter()
            .filter(|g| g.kind == GroupKind::Container && is_custom(g));
        Self {
            selectors: custom
                .map(|g| (g.name.clone(), Selector::compile(&g.criteria)))
                .collect(),
        }
    }

    /// Every group of a workload: the learned one, those whose criteria it meets, `containers`.
    pub fn groups_of(&self, workload: &Workload, applications: &[String]) -> Vec<GroupName> {
        let mut groups = vec![group::learned_group_of(workload)];
        let subject = Subject {
            workload,
            applications,
        };
        let met = self
            .selectors
            .iter()
            .filter(|(_, selector)| selector.selects(subject));
        groups.extend(met.map(|(name, _)| name.clone()));
        groups.push(Group::CONTAINERS.into());
        groups
    }
}

/// Made by an operator or a resource, so its criteria decide; a learned group goes by its name.
fn is_custom(group: &Group) -> bool {
    !group.reserved
        && !group.is_learned()
        && !group.name.as_str().starts_with(Group::LEARNED_PREFIX)
}

/// Says what is wrong with criteria before they are stored.
pub fn validate(criteria: &[Criterion]) -> Result<(), BadCriterion> {
    for criterion in criteria {
        let Criterion { key, op, value } = criterion;
        if key.is_empty() || key.len() > 512 || value.len() > 4096 {
            return Err(BadCriterion(
                "a criterion needs a key of 1 to 512 bytes and a value of at most 4096".into(),
            ));
        }
        if matches!(op, CriterionOp::Regex | CriterionOp::NotRegex)
            && let Err(error) = build(value)
        {
            return Err(BadCriterion(format!("pattern {value:?}: {error}")));
        }
        if key == "address" {
            if *op != CriterionOp::Equal {
                return Err(BadCriterion(
                    "an address criterion takes the operator `=` only".into(),
                ));
            }
            if addresses(value).is_none() {
                return Err(BadCriterion(format!(
                    "{value:?} is no IP address, CIDR block or range; names cannot be given here"
                )));
            }
        }
    }
    let of_address = criteria.iter().filter(|c| c.key == "address").count();
    if of_address != 0 && of_address != criteria.len() {
        return Err(BadCriterion(
            "address criteria cannot be mixed with others".into(),
        ));
    }
    Ok(())
}

/// The blocks of an address criterion: `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`; both
/// families. `None` if it is none of these.
pub fn addresses(value: &str) -> Option<Vec<IpNet>> {
    let value = value.trim();
    if let Ok(address) = value.parse::<IpAddr>() {
        return Some(vec![IpNet::from(address)]);
    }
    if let Ok(net) = value.parse::<IpNet>() {
        return Some(vec![net.trunc()]);
    }
    let (low, high) = value.split_once('-')?;
    match (low.trim().parse().ok()?, high.trim().parse().ok()?) {
        (IpAddr::V4(low), IpAddr::V4(high)) if low <= high => Some(
            Ipv4Subnets::new(low, high, 0)
                .map(|n: Ipv4Net| IpNet::V4(n))
                .collect(),
        ),
        (IpAddr::V6(low), IpAddr::V6(high)) if low <= high => Some(
            Ipv6Subnets::new(low, high, 0)
                .map(|n: Ipv6Net| IpNet::V6(n))
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::workload::Pod;

    fn shop() -> Workload {
        Workload {
            name: "web-1".into(),
            image: "docker.io/library/nginx:1.25".into(),
            service: "web".into(),
            domain: "shop".into(),
            node_name: "n1".into(),
            labels: [
                ("app".into(), "web".into()),
                ("tier".into(), "front".into()),
            ]
            .into(),
            pod: Some(Pod {
                namespace_labels: [("env".into(), "prod".into())].into(),
                ..Pod::default()
            }),
            ..Workload::default()
        }
    }

    /// `key op value; …` against [`shop`].
    fn check(text: &str, expected: bool) {
        let criteria: Vec<Criterion> = text
            .split(';')
            .filter(|part| !part.trim().is_empty())
            .map(|part| {
                let mut words = part.split_whitespace();
                Criterion {
                    key: words.next().unwrap().into(),
                    op: CriterionOp::parse(words.next().unwrap()).unwrap(),
                    value: words.next().unwrap().into(),
                }
            })
            .collect();
        let workload = shop();
        let applications = ["HTTP".to_owned()];
        let subject = Subject {
            workload: &workload,
            applications: &applications,
        };
        assert_eq!(
            Selector::compile(&criteria).selects(subject),
            expected,
            "{text}"
        );
    }

    #[test]
    fn criteria_select() {
        for (text, expected) in [
            ("", false),
            ("service = web", true),
            ("service = any", true),
            ("service = w*", true),
            ("service = w?b", true),
            ("service = w?", false),
            ("image = docker.io/library/nginx:1.2*", true),
            ("image = docker-io/library/nginx:1.2*", false),
            ("image contains nginx", true),
            ("image prefix docker.io/", true),
            ("image regex ^.*nginx:1\\.[0-9]+$", true),
            ("image !regex redis", true),
            ("image regex [", false),
            ("service = web ; domain = shop", true),
            ("service = web ; namespace = other", false),
            // One key: alternatives when one is positive.
            ("service = api ; service = web", true),
            ("service != api ; service = nothing", true),
            ("service != web ; service = nothing", false),
            // One key, all negative: all must hold.
            ("service != api ; service != web", false),
            ("service != api ; service != db", true),
            // Labels are one key.
            ("app = web", true),
            ("app = api ; tier = front", true),
            ("absent != x", false),
            ("label = app=web", true),
            ("label contains tier", true),
            ("ns:env = prod", true),
            ("ns:env = dev", false),
            ("container prefix web-", true),
            ("node = n1", true),
            ("application = HTTP", true),
            ("application != HTTP", false),
            ("address = 10.0.0.1", false),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            let got = addresses(text).map(|nets| {
                nets.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            assert_eq!(got.as_deref(), expected, "{text}");
        };
        check("10.0.0.1", Some("10.0.0.1/32"));
        check("10.1.2.3/8", Some("10.0.0.0/8"));
        check("fd00::1", Some("fd00::1/128"));
        check(
            "10.0.0.1-10.0.0.4",
            Some("10.0.0.1/32 10.0.0.2/31 10.0.0.4/32"),
        );
        check("10.0.0.4-10.0.0.1", None);
        check("10.0.0.1-fd00::1", None);
        check("example.org", None);
        check("", None);
    }

    #[test]
    fn bad_criteria_are_refused() {
        let one = |key: &str, op, value: &str| Criterion {
            key: key.into(),
            op,
            value: value.into(),
        };
        assert!(validate(&[one("image", CriterionOp::Regex, "a{1,1000}{1,1000}")]).is_err());
        assert!(validate(&[one("address", CriterionOp::Equal, "example.org")]).is_err());
        assert!(validate(&[one("address", CriterionOp::Prefix, "10.")]).is_err());
        assert!(
            validate(&[
                one("address", CriterionOp::Equal, "10.0.0.1"),
                one("app", CriterionOp::Equal, "x")
            ])
            .is_err()
        );
        assert!(validate(&[one("address", CriterionOp::Equal, "10.0.0.0/8")]).is_ok());
    }
}
