//! Ordered network rules become the two tries of the kernel.
//!
//! The kernel looks up at most three entries for a new flow: of the class of its port, of its
//! protocol, and of everything; each trie answers with the longest prefix. To keep "first match
//! decides", an entry carries the first rule, in policy order, of all rules of its class whose
//! prefix covers it, and the kernel takes the lowest rank of the three.

use crate::{
    Direction, Error, NetVerdict,
    intf::{self, PortKey, RuleKey, RuleValue, class, verdict},
};
use rampart_model::{Mode, Protocol, Verdict};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Entries one label may have in one trie.
const MAX_ENTRIES: usize = 65_536;
/// Rules one label may have.
const MAX_RULES: usize = 16_384;

/// What goes into the kernel for one set of rules.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) ports: Vec<(PortKey, u32)>,
    pub(crate) rules: Vec<(RuleKey, RuleValue)>,
}

/// What a rule's verdict comes to in a mode: only Protect denies.
pub(crate) fn effective(verdict: Verdict, mode: Mode) -> u8 {
    match (verdict, mode) {
        (Verdict::Allow, _) => verdict::ALLOW,
        (Verdict::Learn, _) => verdict::LEARN,
        (Verdict::Deny, Mode::Protect) => verdict::DENY,
        (Verdict::Violate | Verdict::Deny, _) => verdict::VIOLATE,
    }
}

pub(crate) fn compile(set: u32, mode: Mode, list: &[NetVerdict]) -> Result<Compiled, Error> {
    if list.len() > MAX_RULES {
        return Err(Error::TooLarge {
            what: "network rules",
            limit: MAX_RULES,
        });
    }
    let mut compiled = Compiled::default();
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut classes = Classes::new(direction, list);
        for (key, class) in classes.ports(set)? {
            compiled.ports.push((key, u32::from(class)));
        }
        classes.rules(set, mode, list, &mut compiled.rules)?;
    }
    Ok(compiled)
}

fn dir_code(direction: Direction) -> u8 {
    u8::from(direction == Direction::Egress)
}

/// Protocols a rule for certain ports of "any protocol" stands for.
const PORTED: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// A stretch of ports of one protocol on which the same rules hold.
#[derive(Clone, Debug)]
struct Class {
    id: u16,
    protocol: Protocol,
    low: u16,
    high: u16,
}

struct Classes {
    direction: Direction,
    list: Vec<Class>,
}

fn any_port(rule: &NetVerdict) -> bool {
    (rule.port_low == 0 && rule.port_high == u16::MAX) || rule.protocol == Some(Protocol::Icmp)
}

impl Classes {
    fn new(direction: Direction, list: &[NetVerdict]) -> Self {
        let mut classes = Vec::new();
        let mut id = class::FIRST;
        for protocol in PORTED {
            let rules = list.iter().filter(|r| {
                r.direction == direction
                    && !any_port(r)
                    && r.protocol.is_none_or(|p| p == protocol)
                    && r.port_low <= r.port_high
            });
            let mut cuts = BTreeSet::new();
            let mut spans = Vec::new();
            for rule in rules {
                cuts.insert(u32::from(rule.port_low));
                cuts.insert(u32::from(rule.port_high) + 1);
                spans.push((u32::from(rule.port_low), u32::from(rule.port_high)));
            }
            let cuts: Vec<u32> = cuts.into_iter().collect();
            for pair in cuts.windows(2) {
                let [low, next] = *pair else { continue };
                if !spans.iter().any(|(a, b)| *a <= low && low <= *b) {
                    continue;
                }
                let (Ok(low), Ok(high)) = (u16::try_from(low), u16::try_from(next - 1)) else {
                    continue;
                };
                classes.push(Class {
                    id,
                    protocol,
                    low,
                    high,
                });
                id = id.saturating_add(1);
            }
        }
        Self {
            direction,
            list: classes,
        }
    }

    fn ports(&self, set: u32) -> Result<Vec<(PortKey, u16)>, Error> {
        let mut keys = Vec::new();
        for class in &self.list {
            for (port, bits) in prefixes(class.low, class.high) {
                let key = PortKey {
                    prefix_len: intf::PORT_FIXED_BITS + bits,
                    set,
                    proto: class.protocol.number(),
                    dir: dir_code(self.direction),
                    port_be: port.to_be_bytes(),
                };
                keys.push((key, class.id));
            }
        }
        if keys.len() > MAX_ENTRIES || self.list.len() > usize::from(u16::MAX - class::FIRST) {
            return Err(Error::TooLarge {
                what: "port ranges",
                limit: MAX_ENTRIES,
            });
        }
        Ok(keys)
    }

    fn rules(
        &mut self,
        set: u32,
        mode: Mode,
        list: &[NetVerdict],
        out: &mut Vec<(RuleKey, RuleValue)>,
    ) -> Result<(), Error> {
        let mut members: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        for (rank, rule) in list.iter().enumerate() {
            if rule.direction != self.direction || rule.port_low > rule.port_high {
                continue;
            }
            let rank = u32::try_from(rank).unwrap_or(u32::MAX);
            for id in self.classes_of(rule) {
                members.entry(id).or_default().push(rank);
            }
        }
        for (id, ranks) in members {
            let first = first_by_prefix(&ranks, list);
            for ((bits, peer), rank) in first {
                let Some(rule) = list.get(rank as usize) else {
                    continue;
                };
                let key = RuleKey {
                    prefix_len: intf::RULE_FIXED_BITS + bits,
                    set,
                    class: id,
                    dir: dir_code(self.direction),
                    pad: 0,
                    peer,
                };
                let verdict = effective(rule.verdict, mode);
                out.push((
                    key,
                    RuleValue {
                        rank,
                        rule: rule.rule,
                        verdict,
                        pad: [0; 3],
                    },
                ));
            }
            if out.len() > MAX_ENTRIES {
                return Err(Error::TooLarge {
                    what: "network rule entries",
                    limit: MAX_ENTRIES,
                });
            }
        }
        Ok(())
    }

    fn classes_of(&self, rule: &NetVerdict) -> Vec<u16> {
        if any_port(rule) {
            return vec![match rule.protocol {
                None => class::ANY,
                Some(Protocol::Tcp) => class::TCP,
                Some(Protocol::Udp) => class::UDP,
                Some(Protocol::Icmp) => class::ICMP,
                Some(Protocol::Sctp) => class::SCTP,
            }];
        }
        self.list
            .iter()
            .filter(|c| rule.protocol.is_none_or(|p| p == c.protocol))
            .filter(|c| rule.port_low <= c.low && c.high <= rule.port_high)
            .map(|c| c.id)
            .collect()
    }
}

/// A prefix of the 128-bit space both families share.
type Prefix = (u32, [u8; 16]);

fn prefix_of(rule: &NetVerdict) -> Prefix {
    let (bits, address) = match rule.peer {
        // The zero prefix means both families, whichever it is written in.
        _ if rule.prefix == 0 && rule.peer.is_unspecified() => (0, [0; 16]),
        IpAddr::V4(v4) => (
            96 + u32::from(rule.prefix.min(32)),
            v4.to_ipv6_mapped().octets(),
        ),
        IpAddr::V6(v6) => (u32::from(rule.prefix.min(128)), v6.octets()),
    };
    (bits, masked(address, bits))
}

fn masked(address: [u8; 16], bits: u32) -> [u8; 16] {
    let value = u128::from_be_bytes(address);
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    (value & mask).to_be_bytes()
}

/// For each prefix of a class, the first rule that covers it.
fn first_by_prefix(ranks: &[u32], list: &[NetVerdict]) -> BTreeMap<Prefix, u32> {
    let mut own: BTreeMap<Prefix, u32> = BTreeMap::new();
    for rank in ranks {
        let Some(rule) = list.get(*rank as usize) else {
            continue;
        };
        let best = own.entry(prefix_of(rule)).or_insert(*rank);
        *best = (*best).min(*rank);
    }
    let lengths: BTreeSet<u32> = own.keys().map(|(bits, _)| *bits).collect();
    let covered = |prefix: &Prefix, rank: u32| {
        lengths
            .iter()
            .take_while(|bits| **bits < prefix.0)
            .filter_map(|bits| own.get(&(*bits, masked(prefix.1, *bits))))
            .fold(rank, |best, rank| best.min(*rank))
    };
    own.iter()
        .map(|(prefix, rank)| (*prefix, covered(prefix, *rank)))
        .collect()
}

/// Binary prefixes that together are `low..=high`.
fn prefixes(low: u16, high: u16) -> Vec<(u16, u32)> {
    let mut found = Vec::new();
    let (mut at, end) = (u32::from(low), u32::from(high) + 1);
    while at < end {
        let mut size = if at == 0 {
            1 << 16
        } else {
            1 << at.trailing_zeros().min(16)
        };
        while at + size > end {
            size >>= 1;
        }
        found.push((
            u16::try_from(at).unwrap_or(u16::MAX),
            16 - size.trailing_zeros(),
        ));
        at += size;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does, in Rust.
    fn lookup(
        compiled: &Compiled,
        dir: Direction,
        proto: u8,
        port: u16,
        peer: &str,
    ) -> Option<u32> {
        let peer = match peer.parse().unwrap() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let port_class = compiled
            .ports
            .iter()
            .filter(|(k, _)| k.proto == proto && k.dir == dir_code(dir))
            .filter(|(k, _)| {
                let bits = k.prefix_len - intf::PORT_FIXED_BITS;
                let mask = u16::MAX.checked_shl(16 - bits).unwrap_or(0);
                u16::from_be_bytes(k.port_be) & mask == port & mask
            })
            .max_by_key(|(k, _)| k.prefix_len)
            .map(|(_, c)| *c);
        let protocol = match proto {
            6 => class::TCP,
            17 => class::UDP,
            1 => class::ICMP,
            132 => class::SCTP,
            _ => class::ANY,
        };
        let classes = [
            port_class,
            Some(u32::from(protocol)),
            Some(u32::from(class::ANY)),
        ];
        let longest = |class: u32| {
            compiled
                .rules
                .iter()
                .filter(|(k, _)| u32::from(k.class) == class && k.dir == dir_code(dir))
                .filter(|(k, _)| {
                    let bits = k.prefix_len - intf::RULE_FIXED_BITS;
                    masked(peer, bits) == k.peer
                })
                .max_by_key(|(k, _)| k.prefix_len)
                .map(|(_, v)| (v.rank, v.rule))
        };
        classes
            .into_iter()
            .flatten()
            .filter_map(longest)
            .min()
            .map(|(_, rule)| rule)
    }

    fn rule(rule: u32, protocol: Option<Protocol>, ports: (u16, u16), peer: &str) -> NetVerdict {
        let (peer, prefix) = peer.split_once('/').unwrap();
        NetVerdict {
            direction: Direction::Egress,
            protocol,
            port_low: ports.0,
            port_high: ports.1,
            peer: peer.parse().unwrap(),
            prefix: prefix.parse().unwrap(),
            verdict: Verdict::Allow,
            rule,
        }
    }

    const ANY: (u16, u16) = (0, u16::MAX);

    #[test]
    fn first_match_decides() {
        let tcp = Some(Protocol::Tcp);
        let list = [
            rule(1, tcp, (80, 80), "10.0.0.0/8"),
            rule(2, tcp, (80, 80), "10.1.0.0/16"),
            rule(3, tcp, (8000, 9000), "10.1.2.3/32"),
            rule(4, tcp, (8500, 8600), "0.0.0.0/0"),
            rule(5, None, (53, 53), "fd00::/8"),
            rule(6, None, ANY, "10.9.0.0/16"),
            rule(7, tcp, ANY, "10.9.9.9/32"),
            rule(8, Some(Protocol::Icmp), (0, 0), "10.0.0.0/8"),
        ];
        let compiled = compile(9, Mode::Protect, &list).unwrap();
        let cases = [
            (6, 80, "10.1.2.3", Some(1)),
            (6, 80, "11.1.2.3", None),
            (6, 8000, "10.1.2.3", Some(3)),
            (6, 8500, "10.1.2.3", Some(3)),
            (6, 8500, "10.1.2.4", Some(4)),
            (6, 8500, "2001:db8::1", Some(4)),
            (6, 9000, "10.1.2.3", Some(3)),
            (6, 9001, "10.1.2.3", None),
            (17, 53, "fd00::1", Some(5)),
            (132, 53, "fd00::1", Some(5)),
            (17, 53, "10.1.1.1", None),
            (6, 22, "10.9.9.9", Some(6)),
            (47, 0, "10.9.9.9", Some(6)),
            (6, 80, "10.9.9.9", Some(1)),
            (1, 0, "10.2.0.1", Some(8)),
        ];
        for (proto, port, peer, want) in cases {
            let got = lookup(&compiled, Direction::Egress, proto, port, peer);
            assert_eq!(got, want, "{proto} {port} {peer}");
        }
        assert_eq!(
            lookup(&compiled, Direction::Ingress, 6, 80, "10.1.2.3"),
            None
        );
    }

    /// Against the plain reading of the list, over random lists.
    #[test]
    fn agrees_with_a_linear_search() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let list: Vec<NetVerdict> = (0..12)
                .map(|id| {
                    let protocol = [None, Some(Protocol::Tcp), Some(Protocol::Udp)];
                    let a = u16::try_from(next(40)).unwrap();
                    let b = a + u16::try_from(next(10)).unwrap();
                    let ports = if next(4) == 0 { ANY } else { (a, b) };
                    let peer = format!(
                        "10.0.{}.{}/{}",
                        next(3),
                        next(4),
                        [0, 8, 24, 31, 32][next(5) as usize]
                    );
                    rule(id + 1, protocol[next(3) as usize], ports, &peer)
                })
                .collect();
            let compiled = compile(1, Mode::Protect, &list).unwrap();
            for _ in 0..50 {
                let proto = [6u8, 17][next(2) as usize];
                let port = u16::try_from(next(60)).unwrap();
                let peer = format!("10.0.{}.{}", next(3), next(4));
                let linear = list.iter().find(|r| {
                    let ip =
                        IpAddr::V6(peer.parse::<std::net::Ipv4Addr>().unwrap().to_ipv6_mapped());
                    let IpAddr::V6(ip) = ip else { unreachable!() };
                    let (bits, net) = prefix_of(r);
                    r.protocol.is_none_or(|p| p.number() == proto)
                        && (r.port_low..=r.port_high).contains(&port)
                        && masked(ip.octets(), bits) == net
                });
                let got = lookup(&compiled, Direction::Egress, proto, port, &peer);
                assert_eq!(
                    got,
                    linear.map(|r| r.rule),
                    "{proto} {port} {peer} {list:?}"
                );
            }
        }
    }

    #[test]
    fn port_prefixes_cover_exactly() {
        for (low, high) in [
            (0, 65535),
            (1, 1),
            (1, 65535),
            (8000, 9000),
            (65535, 65535),
            (0, 0),
        ] {
            let parts = prefixes(low, high);
            let total: u32 = parts.iter().map(|(_, bits)| 1u32 << (16 - bits)).sum();
            assert_eq!(total, u32::from(high) - u32::from(low) + 1, "{low}-{high}");
            assert_eq!(parts[0].0, low);
        }
    }

    #[test]
    fn only_protect_denies() {
        for mode in [Mode::Discover, Mode::Monitor] {
            assert_eq!(effective(Verdict::Deny, mode), verdict::VIOLATE);
        }
        assert_eq!(effective(Verdict::Deny, Mode::Protect), verdict::DENY);
        assert_eq!(effective(Verdict::Violate, Mode::Protect), verdict::VIOLATE);
    }
}
