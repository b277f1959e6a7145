//! Network rules: who may talk to whom, on which port.
//!
//! Rules are tried in order and the first that fits decides; what no rule names is denied. What a
//! denial means depends on the mode: Discover learns, Monitor reports, Protect stops. Between two
//! groups the laxer mode decides, or the workload's own in strict mode. Hosts are never cut off.
//!
//! [`table`] flattens the ordered list for one workload and one class of peers into port segments,
//! [`crate::compile`] places them on address blocks. The result is exact: the longest prefix, then
//! exact ports before any port, then a protocol before any protocol give the verdict of the first
//! rule that fits (shown by a property test).
//!
//! An application cannot be told from a connection attempt. A rule that names applications stands
//! for its ports if it names some, and for the applications' usual ports if it does not.

use crate::application;
use ipnet::IpNet;
use rampart_model::{Action, GroupName, Mode, NetworkRule, PortRange, Protocol, RuleId, Verdict};
use std::{collections::BTreeSet, net::IpAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The workload is the server.
    Ingress,
    Egress,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetVerdict {
    pub verdict: Verdict,
    /// [`RuleId::IMPLICIT`] when no rule decided.
    pub rule: RuleId,
}

impl NetVerdict {
    pub const ALLOW: Self = Self {
        verdict: Verdict::Allow,
        rule: RuleId::IMPLICIT,
    };

    pub fn is_violation(&self) -> bool {
        matches!(self.verdict, Verdict::Violate | Verdict::Deny)
    }
}

/// One entry of a compiled policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetCell {
    pub direction: Direction,
    /// No protocol means every one.
    pub protocol: Option<Protocol>,
    /// Ports of the serving end, both ends included; `None` is any.
    pub ports: Option<(u16, u16)>,
    /// Addresses of the peer. Blocks of length 0 come for both families.
    pub prefix: IpNet,
    pub verdict: NetVerdict,
}

/// The network policy of one workload.
///
/// `cells` are sorted so that the first that fits is also the most specific: longer prefixes
/// first, then exact ports, then a protocol, then the rest. Cells of one prefix and protocol never
/// overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetPolicy {
    pub cells: Vec<NetCell>,
    /// For what no cell fits.
    pub default: NetVerdict,
}

impl NetPolicy {
    /// Looks a packet up as the kernel does. No protocol is one that has no ports and no name here.
    pub fn lookup(
        &self,
        direction: Direction,
        protocol: Option<Protocol>,
        port: u16,
        peer: IpAddr,
    ) -> NetVerdict {
        let peer = peer.to_canonical();
        self.cells
            .iter()
            .find(|cell| {
                cell.direction == direction
                    && cell.prefix.contains(&peer)
                    && (cell.protocol.is_none() || cell.protocol == protocol)
                    && cell
                        .ports
                        .is_none_or(|(low, high)| (low..=high).contains(&port))
            })
            .map_or(self.default, |cell| cell.verdict)
    }

    pub(crate) fn sort(&mut self) {
        self.cells.sort_by_key(|cell| {
            (
                std::cmp::Reverse(cell.prefix.prefix_len()),
                cell.prefix,
                cell.direction,
                cell.ports.is_none(),
                cell.protocol.is_none(),
                cell.protocol,
                cell.ports,
            )
        });
    }
}

/// The mode that decides between a workload's group and a peer.
pub fn effective_mode(own: Mode, peer: Option<Mode>, strict: bool) -> Mode {
    match peer {
        Some(peer) if !strict => own.min(peer),
        _ => own,
    }
}

/// What first-match evaluation gives, turned into a verdict by the mode.
pub fn verdict(rule: Option<&NetworkRule>, mode: Mode) -> NetVerdict {
    let verdict = match (rule.map(|r| r.action), mode) {
        (Some(Action::Allow), _) => Verdict::Allow,
        (None, Mode::Discover) => Verdict::Learn,
        (_, Mode::Protect) => Verdict::Deny,
        _ => Verdict::Violate,
    };
    NetVerdict {
        verdict,
        rule: rule.map_or(RuleId::IMPLICIT, |r| r.id),
    }
}

/// Never worse than a report.
pub fn alert_only(verdict: NetVerdict) -> NetVerdict {
    if verdict.verdict == Verdict::Deny {
        return NetVerdict {
            verdict: Verdict::Violate,
            ..verdict
        };
    }
    verdict
}

/// The first enabled rule that fits a conversation between two sets of groups. `application` is
/// what a protocol parser found; `None` where nobody looked.
pub fn first_match<'a>(
    rules: impl IntoIterator<Item = &'a NetworkRule>,
    from: &[GroupName],
    to: &[GroupName],
    protocol: Option<Protocol>,
    port: u16,
    application: Option<&str>,
) -> Option<&'a NetworkRule> {
    rules.into_iter().find(|rule| {
        !rule.disabled
            && from.contains(&rule.from)
            && to.contains(&rule.to)
            && covers(rule, protocol, port, application)
    })
}

/// Whether a rule names this traffic, leaving its ends aside.
pub fn covers(
    rule: &NetworkRule,
    protocol: Option<Protocol>,
    port: u16,
    application: Option<&str>,
) -> bool {
    if protocol == Some(Protocol::Icmp) {
        return rule.ports.iter().any(|range| range.protocol == protocol);
    }
    let by_port = |ranges: &[PortRange]| match protocol {
        Some(protocol) => ranges.iter().any(|range| range.contains(protocol, port)),
        None => ranges.contains(&PortRange::ANY),
    };
    match application {
        Some(name) if !any_application(rule) => {
            (any_port(rule) || by_port(&rule.ports))
                && rule
                    .applications
                    .iter()
                    .any(|listed| listed.eq_ignore_ascii_case(name))
        }
        _ => by_port(&ranges(rule)),
    }
}

fn any_application(rule: &NetworkRule) -> bool {
    rule.applications.is_empty() || rule.applications.iter().any(|a| a == "any")
}

fn any_port(rule: &NetworkRule) -> bool {
    rule.ports.is_empty() || rule.ports.contains(&PortRange::ANY)
}

/// The ports a rule stands for when the application cannot be told.
pub fn ranges(rule: &NetworkRule) -> Vec<PortRange> {
    if !any_port(rule) {
        return rule.ports.clone();
    }
    if any_application(rule) {
        return vec![PortRange::ANY];
    }
    rule.applications
        .iter()
        .filter_map(|name| application::find(name))
        .flat_map(|app| {
            app.ports
                .iter()
                .map(|&(protocol, port)| PortRange::one(protocol, port))
        })
        .collect()
}

/// Verdicts by protocol and port for one class of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Protocols without a name here.
    pub other: NetVerdict,
    pub protocols: Vec<ProtocolTable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolTable {
    pub protocol: Protocol,
    /// Ports in no segment.
    pub any: NetVerdict,
    /// Disjoint, in order, each with another verdict than `any`.
    pub segments: Vec<(u16, u16, NetVerdict)>,
}

/// Flattens the rules that fit one pair of group sets, in order. `judge` turns the rule that
/// decides, if any, into a verdict.
pub fn table(rules: &[&NetworkRule], judge: impl Fn(Option<&NetworkRule>) -> NetVerdict) -> Table {
    let resolved: Vec<(&NetworkRule, Vec<PortRange>)> =
        rules.iter().map(|rule| (*rule, ranges(rule))).collect();
    let other = resolved
        .iter()
        .find(|(_, ranges)| ranges.contains(&PortRange::ANY));
    Table {
        other: judge(other.map(|(rule, _)| *rule)),
        protocols: Protocol::ALL
            .iter()
            .map(|p| protocol_table(*p, &resolved, &judge))
            .collect(),
    }
}

fn protocol_table(
    protocol: Protocol,
    rules: &[(&NetworkRule, Vec<PortRange>)],
    judge: &impl Fn(Option<&NetworkRule>) -> NetVerdict,
) -> ProtocolTable {
    if protocol == Protocol::Icmp {
        let rule = rules
            .iter()
            .find(|(rule, _)| covers(rule, Some(protocol), 0, None));
        let any = rule.map_or(NetVerdict::ALLOW, |(rule, _)| judge(Some(rule)));
        return ProtocolTable {
            protocol,
            any,
            segments: Vec::new(),
        };
    }
    let mut segments: Vec<(u16, u16, NetVerdict)> = Vec::new();
    for (low, high) in elementary(protocol, rules) {
        let rule = rules
            .iter()
            .find(|(_, ranges)| ranges.iter().any(|range| range.contains(protocol, low)))
            .map(|(rule, _)| *rule);
        let verdict = judge(rule);
        match segments.last_mut() {
            Some(last) if last.2 == verdict => last.1 = high,
            _ => segments.push((low, high, verdict)),
        }
    }
    let any = widest(&segments);
    segments.retain(|segment| segment.2 != any);
    ProtocolTable {
        protocol,
        any,
        segments,
    }
}

/// Stretches of ports over which the same rules hold, from 0 to 65535.
fn elementary(protocol: Protocol, rules: &[(&NetworkRule, Vec<PortRange>)]) -> Vec<(u16, u16)> {
    let mut starts = BTreeSet::from([0u16]);
    for range in rules.iter().flat_map(|(_, ranges)| ranges) {
        if range.protocol.is_none_or(|p| p == protocol) && range.low <= range.high {
            starts.insert(range.low);
            starts.extend(range.high.checked_add(1));
        }
    }
    let starts: Vec<u16> = starts.into_iter().collect();
    starts
        .iter()
        .enumerate()
        .map(|(i, low)| (*low, starts.get(i + 1).map_or(u16::MAX, |next| next - 1)))
        .collect()
}

/// The verdict that holds for the most ports, so that it need not be spelled out.
fn widest(segments: &[(u16, u16, NetVerdict)]) -> NetVerdict {
    let mut widths: Vec<(u32, NetVerdict)> = Vec::new();
    for (low, high, verdict) in segments {
        let width = u32::from(high - low) + 1;
        match widths.iter_mut().find(|(_, v)| v == verdict) {
            Some(entry) => entry.0 += width,
            None => widths.push((width, *verdict)),
        }
    }
    widths
        .into_iter()
        .max_by_key(|(width, _)| *width)
        .map_or(NetVerdict::ALLOW, |(_, v)| v)
}

/// Most ports and applications of one rule.
pub const MAX_PORTS: usize = 512;

/// Says what is wrong with a rule before it is stored.
pub fn validate(rule: &NetworkRule) -> Result<(), String> {
    if rule.from.is_empty() || rule.to.is_empty() {
        return Err("a network rule needs both its groups".into());
    }
    if rule.ports.len() > MAX_PORTS || rule.applications.len() > MAX_PORTS {
        return Err(format!(
            "a network rule has at most {MAX_PORTS} port ranges and applications"
        ));
    }
    if let Some(range) = rule.ports.iter().find(|range| range.low > range.high) {
        return Err(format!("port range {}-{} is empty", range.low, range.high));
    }
    for name in &rule.applications {
        if name != "any" && application::find(name).is_none() {
            return Err(format!("{name:?} is not a known application"));
        }
    }
    if rule.comment.len() > 4096 {
        return Err("a comment has at most 4096 bytes".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(
        id: u32,
        from: &str,
        to: &str,
        ports: &[PortRange],
        apps: &[&str],
        action: Action,
    ) -> NetworkRule {
        NetworkRule {
            id: RuleId(id),
            from: from.into(),
            to: to.into(),
            ports: ports.to_vec(),
            applications: apps.iter().map(|a| (*a).to_owned()).collect(),
            action,
            ..NetworkRule::default()
        }
    }

    #[test]
    fn modes_of_two_groups() {
        use Mode::{Discover, Monitor, Protect};
        let check = |own, peer, basic, strict| {
            assert_eq!(
                effective_mode(own, peer, false),
                basic,
                "{own} {peer:?} basic"
            );
            assert_eq!(
                effective_mode(own, peer, true),
                strict,
                "{own} {peer:?} strict"
            );
        };
        check(Discover, Some(Discover), Discover, Discover);
        check(Discover, Some(Monitor), Discover, Discover);
        check(Discover, Some(Protect), Discover, Discover);
        check(Monitor, Some(Discover), Discover, Monitor);
        check(Monitor, Some(Protect), Monitor, Monitor);
        check(Protect, Some(Discover), Discover, Protect);
        check(Protect, Some(Monitor), Monitor, Protect);
        check(Protect, Some(Protect), Protect, Protect);
        check(Protect, None, Protect, Protect);
    }

    #[test]
    fn modes_make_verdicts() {
        let allow = rule(1, "a", "b", &[], &[], Action::Allow);
        let deny = rule(2, "a", "b", &[], &[], Action::Deny);
        let check = |rule: Option<&NetworkRule>, mode, expected| {
            assert_eq!(verdict(rule, mode).verdict, expected);
        };
        for mode in Mode::ALL {
            check(Some(&allow), *mode, Verdict::Allow);
        }
        check(Some(&deny), Mode::Discover, Verdict::Violate);
        check(Some(&deny), Mode::Monitor, Verdict::Violate);
        check(Some(&deny), Mode::Protect, Verdict::Deny);
        check(None, Mode::Discover, Verdict::Learn);
        check(None, Mode::Monitor, Verdict::Violate);
        check(None, Mode::Protect, Verdict::Deny);
        assert_eq!(
            alert_only(verdict(None, Mode::Protect)).verdict,
            Verdict::Violate
        );
    }

    #[test]
    fn rules_cover() {
        let tcp80 = PortRange::one(Protocol::Tcp, 80);
        let icmp = PortRange {
            protocol: Some(Protocol::Icmp),
            low: 0,
            high: u16::MAX,
        };
        let range = PortRange {
            protocol: None,
            low: 8000,
            high: 9000,
        };
        let check =
            |ports: &[PortRange], apps: &[&str], protocol, port, app: Option<&str>, expected| {
                let rule = rule(1, "a", "b", ports, apps, Action::Allow);
                assert_eq!(
                    covers(&rule, protocol, port, app),
                    expected,
                    "{ports:?} {apps:?} {protocol:?}/{port} {app:?}"
                );
            };
        let (tcp, udp) = (Some(Protocol::Tcp), Some(Protocol::Udp));
        check(&[], &[], tcp, 1, None, true);
        check(&[], &[], None, 0, None, true);
        check(&[tcp80], &[], tcp, 80, None, true);
        check(&[tcp80], &[], udp, 80, None, false);
        check(&[tcp80], &[], None, 80, None, false);
        check(&[range], &[], udp, 8500, None, true);
        check(&[range], &[], None, 8500, None, false);
        // Applications: by parser where there is one, else by usual port.
        check(&[], &["Redis"], tcp, 6379, None, true);
        check(&[], &["Redis"], tcp, 6380, None, false);
        check(&[], &["redis"], tcp, 6380, Some("Redis"), true);
        check(&[], &["Redis"], tcp, 6379, Some("HTTP"), false);
        check(&[tcp80], &["HTTP"], tcp, 80, None, true);
        check(&[tcp80], &["HTTP"], tcp, 80, Some("SSH"), false);
        check(&[PortRange::ANY], &["HTTP"], tcp, 22, None, false);
        check(&[], &["any"], tcp, 22, Some("SSH"), true);
        // ICMP only when it is named.
        check(&[], &[], Some(Protocol::Icmp), 0, None, false);
        check(&[icmp], &[], Some(Protocol::Icmp), 0, None, true);
        check(&[icmp], &[], tcp, 0, None, false);
    }

    #[test]
    fn tables_are_minimal() {
        let rules = [
            rule(
                1,
                "a",
                "b",
                &[PortRange {
                    protocol: Some(Protocol::Tcp),
                    low: 10,
                    high: 20,
                }],
                &[],
                Action::Allow,
            ),
            rule(
                2,
                "a",
                "b",
                &[PortRange::one(Protocol::Tcp, 15)],
                &[],
                Action::Deny,
            ),
            rule(
                3,
                "a",
                "b",
                &[PortRange::one(Protocol::Tcp, 21)],
                &[],
                Action::Allow,
            ),
        ];
        let rules: Vec<&NetworkRule> = rules.iter().collect();
        let got = table(&rules, |rule| verdict(rule, Mode::Protect));
        let tcp = &got.protocols[0];
        let segments: Vec<_> = tcp
            .segments
            .iter()
            .map(|(l, h, v)| (*l, *h, v.rule.0))
            .collect();
        assert_eq!(segments, [(10, 20, 1), (21, 21, 3)]);
        assert_eq!(tcp.any, verdict(None, Mode::Protect));
        assert!(got.protocols[1].segments.is_empty());
    }

    #[test]
    fn rules_are_validated() {
        assert!(validate(&rule(1, "a", "b", &[], &["HTTP", "any"], Action::Allow)).is_ok());
        assert!(validate(&rule(1, "", "b", &[], &[], Action::Allow)).is_err());
        assert!(validate(&rule(1, "a", "b", &[], &["Gopher"], Action::Allow)).is_err());
        let empty = PortRange {
            protocol: None,
            low: 2,
            high: 1,
        };
        assert!(validate(&rule(1, "a", "b", &[empty], &[], Action::Allow)).is_err());
    }
}
