//! Addresses of another process's network namespace: a thread enters it and asks the kernel.

use std::{
    collections::BTreeMap,
    ffi::CStr,
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
    thread,
};

/// Addresses that are kept for one namespace.
const MAX_ADDRESSES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    pub interface: String,
    pub ip: IpAddr,
    pub prefix: u8,
    pub loopback: bool,
    /// Default gateway of the namespace's IPv4 routes through this interface.
    pub gateway: Option<IpAddr>,
}

/// Addresses of the network namespace of `pid`, loopback included.
pub fn addresses(pid: u32) -> io::Result<Vec<InterfaceAddress>> {
    let target = File::open(super::root(pid).join("ns/net"))?;
    let gateways = gateways(pid);
    // A thread of its own, because entering a namespace is for the life of the thread.
    let found = thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            // SAFETY: setns takes a namespace descriptor that stays open for the call, and changes
            // this thread only.
            if unsafe { libc::setns(target.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            interface_addresses()
        })?;
    let mut found = found
        .join()
        .map_err(|_| io::Error::other("the namespace thread panicked"))??;
    for address in &mut found {
        address.gateway = gateways.get(&address.interface).copied();
    }
    Ok(found)
}

fn gateways(pid: u32) -> BTreeMap<String, IpAddr> {
    let text = super::io_limited(&super::root(pid).join("net/route")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let default = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let gateway = u32::from_str_radix(fields.get(2)?, 16)
            .ok()
            .filter(|g| *g != 0)?;
        (*fields.get(1)? == "00000000").then(|| {
            (
                fields[0].to_owned(),
                Ipv4Addr::from(u32::from_be(gateway)).into(),
            )
        })
    };
    text.lines().skip(1).filter_map(default).collect()
}

fn interface_addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs writes the head of a list it allocates; freed below.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = head;
    while !next.is_null() && found.len() < MAX_ADDRESSES {
        // SAFETY: `next` is a live node of the list until freeifaddrs.
        let node = unsafe { &*next };
        next = node.ifa_next;
        // SAFETY: the name is a C string and the addresses are null or valid, as getifaddrs says.
        if let Some((ip, prefix)) = unsafe { read_node(node) } {
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(node.ifa_name) };
            found.push(InterfaceAddress {
                interface: name.to_string_lossy().into_owned(),
                ip,
                prefix,
                loopback: ip.is_loopback(),
                gateway: None,
            });
        }
    }
    // SAFETY: `head` came from getifaddrs and is freed once.
    unsafe { libc::freeifaddrs(head) };
    Ok(found)
}

/// # Safety
/// The node's address and netmask must be null or point to what their family says.
unsafe fn read_node(node: &libc::ifaddrs) -> Option<(IpAddr, u8)> {
    // SAFETY: the caller's promise.
    let ip = unsafe { read_ip(node.ifa_addr) }?;
    // SAFETY: the caller's promise.
    let prefix = match unsafe { read_ip(node.ifa_netmask) } {
        Some(IpAddr::V4(mask)) => mask.to_bits().count_ones(),
        Some(IpAddr::V6(mask)) => mask.to_bits().count_ones(),
        None => 0,
    };
    Some((ip, u8::try_from(prefix).unwrap_or(0)))
}

/// # Safety
/// `address` must be null or point to what its family says.
unsafe fn read_ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, so it holds at least the family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says what it points to; sockaddr_in is read unaligned.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says what it points to; sockaddr_in6 is read unaligned.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_loopback() {
        let found = addresses(std::process::id()).unwrap_or_default();
        if found.is_empty() {
            eprintln!("skipped: entering a network namespace needs CAP_SYS_ADMIN");
            return;
        }
        assert!(
            found
                .iter()
                .any(|a| a.ip == Ipv4Addr::LOCALHOST && a.prefix == 8 && a.loopback)
        );
    }
}
