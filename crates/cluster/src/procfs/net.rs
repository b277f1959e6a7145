//! Addresses of a network namespace, read through one of its processes.
//!
//! procfs shows the tables of the namespace of the process whose folder is read, so nobody has to
//! enter it. IPv4 local addresses are in `fib_trie`, their interface and prefix in `route`; IPv6
//! is in `if_inet6` and `ipv6_route`. Loopback is left out.

use crate::read;
use rampart_model::workload::InterfaceAddress;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

pub(crate) type Interfaces = BTreeMap<String, Vec<InterfaceAddress>>;

/// More addresses than any container has; what is above is left out.
const MAX_ADDRESSES: usize = 256;
const RTF_GATEWAY: u32 = 2;
const SCOPE_HOST: u8 = 0x10;

/// Interfaces and addresses as `net`, a folder such as `/proc/77/net`, shows them.
pub(crate) fn interfaces(net: &Path) -> Interfaces {
    let text = |name| read::proc_text(&net.join(name)).unwrap_or_default();
    let mut out = ipv4(&text("fib_trie"), &text("route"));
    for (name, mut addresses) in ipv6(&text("if_inet6"), &text("ipv6_route")) {
        out.entry(name).or_default().append(&mut addresses);
    }
    out
}

#[derive(Clone, Debug)]
struct Route {
    interface: String,
    destination: u32,
    gateway: u32,
    gatewayed: bool,
    mask: u32,
}

fn ipv4(fib_trie: &str, route: &str) -> Interfaces {
    let routes: Vec<Route> = route.lines().skip(1).filter_map(parse_route).collect();
    let mut out = Interfaces::new();
    for ip in local_addresses(fib_trie).into_iter().take(MAX_ADDRESSES) {
        let number = u32::from(ip);
        let best = routes
            .iter()
            .filter(|r| !r.gatewayed && r.mask != 0 && number & r.mask == r.destination)
            .max_by_key(|r| r.mask);
        // Without a route for it the interface cannot be told; a /32 on a lone uplink is common.
        let fallback = routes.iter().find(|r| r.mask == 0);
        let Some(owner) = best.or(fallback) else {
            continue;
        };
        let gateway = routes
            .iter()
            .find(|r| r.mask == 0 && r.gatewayed && r.interface == owner.interface)
            .map(|r| IpAddr::V4(Ipv4Addr::from(r.gateway)));
        let ones = best.map_or(32, |r| r.mask.count_ones());
        let prefix = u8::try_from(ones).unwrap_or(32);
        out.entry(owner.interface.clone())
            .or_default()
            .push(InterfaceAddress {
                ip: IpAddr::V4(ip),
                prefix,
                gateway,
            });
    }
    out
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in the machine's byte order.
fn parse_route(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |i: usize| {
        let text = fields.get(i)?;
        Some(u32::from_be_bytes(
            u32::from_str_radix(text, 16).ok()?.to_ne_bytes(),
        ))
    };
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    Some(Route {
        interface: (*fields.first()?).to_owned(),
        destination: number(1)?,
        gateway: number(2)?,
        gatewayed: flags & RTF_GATEWAY != 0,
        mask: number(7)?,
    })
}

/// In the trie a line `|-- A.B.C.D` is followed by `/32 host LOCAL` for an address of this host.
fn local_addresses(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut out: Vec<Ipv4Addr> = Vec::new();
    let mut last = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(ip) = last.take()
            && !ip.is_loopback()
            && !out.contains(&ip)
        {
            out.push(ip);
        }
    }
    out
}

/// `address ifindex prefix scope flags name`, all but the name in hexadecimal.
fn ipv6(if_inet6: &str, ipv6_route: &str) -> Interfaces {
    let gateways: Vec<(String, Ipv6Addr)> =
        ipv6_route.lines().filter_map(default_gateway).collect();
    let mut out = Interfaces::new();
    for line in if_inet6.lines().take(MAX_ADDRESSES) {
        let mut fields = line.split_whitespace();
        let (Some(ip), Some(_), Some(prefix), Some(scope), Some(_), Some(name)) = (
            fields.next().and_then(hex_ipv6),
            fields.next(),
            fields.next().and_then(|f| u8::from_str_radix(f, 16).ok()),
            fields.next().and_then(|f| u8::from_str_radix(f, 16).ok()),
            fields.next(),
            fields.next(),
        ) else {
            continue;
        };
        if scope == SCOPE_HOST {
            continue;
        }
        let gateway = gateways
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, ip)| IpAddr::V6(*ip));
        out.entry(name.to_owned())
            .or_default()
            .push(InterfaceAddress {
                ip: IpAddr::V6(ip),
                prefix,
                gateway,
            });
    }
    out
}

/// `destination prefix source prefix next-hop metric refs use flags name`.
fn default_gateway(line: &str) -> Option<(String, Ipv6Addr)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let next_hop = hex_ipv6(fields.get(4)?)?;
    let default = *fields.get(1)? == "00" && hex_ipv6(fields.first()?)?.is_unspecified();
    (default && !next_hop.is_unspecified())
        .then(|| ((*fields[fields.len() - 1]).to_owned(), next_hop))
}

fn hex_ipv6(text: &str) -> Option<Ipv6Addr> {
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(Ipv6Addr::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIB_TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.2
           /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
Local:
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.2
        /32 host LOCAL
     |-- 10.9.1.7
        /32 host LOCAL
";
    const ROUTE: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t0001090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const INET6: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 02 40 00 80     eth0
garbage line
";
    const ROUTE6: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
";

    #[test]
    fn both_families_with_gateways() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for (name, text) in [
            ("fib_trie", FIB_TRIE),
            ("route", ROUTE),
            ("if_inet6", INET6),
            ("ipv6_route", ROUTE6),
        ] {
            std::fs::write(dir.path().join(name), text).expect("file");
        }
        let found = interfaces(dir.path());
        let show = |name: &str| -> Vec<String> {
            let gateway =
                |a: &InterfaceAddress| a.gateway.map(|g| g.to_string()).unwrap_or_default();
            found[name]
                .iter()
                .map(|a| format!("{}/{} {}", a.ip, a.prefix, gateway(a)))
                .collect()
        };
        assert_eq!(
            show("eth0"),
            ["172.17.0.2/16 172.17.0.1", "fd00::2/64 fd00::1"]
        );
        assert_eq!(show("eth1"), ["10.9.1.7/24 "]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn nothing_there_is_nothing() {
        assert!(interfaces(Path::new("/nowhere")).is_empty());
        assert!(ipv4("|-- x\n/32 host LOCAL", "a b\nc").is_empty());
    }
}
