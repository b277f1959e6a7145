//! Private networks for test containers: a bridge, and namespaces joined to it.
//!
//! Addresses are from 10.64.0.0/10, a private range; nothing is routed out of the machine.

use crate::{
    command::run,
    unique::{unique_name, unique_number},
};
use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

const ATTEMPTS: u32 = 32;

/// A bridge of the host with the first address of a free /24; removed on drop.
#[derive(Debug)]
pub struct Bridge {
    name: String,
    base: [u8; 3],
    next_host: AtomicU8,
}

/// A named network namespace with one interface, `eth0`, on a bridge; removed on drop.
#[derive(Debug)]
pub struct NetNs {
    name: String,
    address: Ipv4Addr,
}

impl Bridge {
    pub fn new() -> io::Result<Self> {
        let mut last = io::Error::other("no free private network");
        for _ in 0..ATTEMPTS {
            let n = unique_number(64 * 256);
            let [_, _, high, low] = n.to_be_bytes();
            match Self::create([10, 64 | (high & 0x3f), low]) {
                Ok(bridge) => return Ok(bridge),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn create(base: [u8; 3]) -> io::Result<Self> {
        let bridge = Self {
            // Interface names have at most 15 characters.
            name: format!("rt{:x}b{:x}", std::process::id(), unique_number(0xffff)),
            base,
            next_host: AtomicU8::new(2),
        };
        let gateway = bridge.gateway();
        let in_use = run(
            "ip",
            &["-4", "-o", "addr", "show", "to", &format!("{gateway}/24")],
        )?;
        if !in_use.trim().is_empty() {
            return Err(io::Error::other(format!("network of {gateway} is in use")));
        }
        run("ip", &["link", "add", &bridge.name, "type", "bridge"])?;
        run(
            "ip",
            &["addr", "add", &format!("{gateway}/24"), "dev", &bridge.name],
        )?;
        run("ip", &["link", "set", &bridge.name, "up"])?;
        Ok(bridge)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's address on it, to which test services of the host bind.
    pub fn gateway(&self) -> Ipv4Addr {
        let [a, b, c] = self.base;
        Ipv4Addr::new(a, b, c, 1)
    }

    /// A new namespace on this bridge, with the next address and a default route.
    pub fn namespace(&self) -> io::Result<NetNs> {
        let host = self.next_host.fetch_add(1, Ordering::Relaxed);
        let [a, b, c] = self.base;
        let address = Ipv4Addr::new(a, b, c, host);
        let namespace = NetNs {
            name: unique_name("rampart"),
            address,
        };
        let ns = namespace.name.as_str();
        let veth = format!("rt{:x}v{:x}", std::process::id(), unique_number(0xffff));
        run("ip", &["netns", "add", ns])?;
        run(
            "ip",
            &[
                "link", "add", &veth, "type", "veth", "peer", "name", "eth0", "netns", ns,
            ],
        )?;
        run("ip", &["link", "set", &veth, "master", &self.name, "up"])?;
        run("ip", &["-n", ns, "link", "set", "lo", "up"])?;
        run(
            "ip",
            &[
                "-n",
                ns,
                "addr",
                "add",
                &format!("{address}/24"),
                "dev",
                "eth0",
            ],
        )?;
        run("ip", &["-n", ns, "link", "set", "eth0", "up"])?;
        run(
            "ip",
            &[
                "-n",
                ns,
                "route",
                "add",
                "default",
                "via",
                &self.gateway().to_string(),
            ],
        )?;
        Ok(namespace)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = run("ip", &["link", "del", &self.name]);
    }
}

impl NetNs {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What to give to [`crate::RuncBuilder::netns`].
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        // Takes the veth pair with it.
        let _ = run("ip", &["netns", "del", &self.name]);
    }
}
