//! Which process is behind a connection, from socket events.
//!
//! Limits: two generations of at most [`CAPACITY`] connections; listeners likewise.

use rampart_probe::{Direction, Socket, SocketOp};
use std::{collections::HashMap, hash::Hash, net::SocketAddr};

const CAPACITY: usize = 16_384;

#[derive(Debug)]
struct Recent<K> {
    young: HashMap<K, u32>,
    old: HashMap<K, u32>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq> Recent<K> {
    fn put(&mut self, key: K, pid: u32) {
        if self.young.len() >= CAPACITY {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, pid);
    }

    fn find(&self, key: &K) -> Option<u32> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }
}

#[derive(Debug, Default)]
pub(super) struct Sockets {
    connections: Recent<(u32, SocketAddr, SocketAddr)>,
    listeners: Recent<(u32, u16)>,
}

impl Sockets {
    pub(super) fn note(&mut self, socket: &Socket) {
        if socket.pid == 0 {
            return;
        }
        match socket.op {
            SocketOp::Listen => self
                .listeners
                .put((socket.label, socket.local.port()), socket.pid),
            SocketOp::Connect | SocketOp::Connected | SocketOp::Accept => {
                let key = (socket.label, plain(socket.local), plain(socket.peer));
                self.connections.put(key, socket.pid);
            }
            SocketOp::Close => {}
        }
    }

    pub(super) fn pid(
        &self,
        label: u32,
        local: SocketAddr,
        peer: SocketAddr,
        direction: Direction,
    ) -> Option<u32> {
        let connection = self.connections.find(&(label, plain(local), plain(peer)));
        match direction {
            Direction::Ingress => {
                connection.or_else(|| self.listeners.find(&(label, local.port())))
            }
            Direction::Egress => connection,
        }
    }
}

/// IPv4 in IPv6 as IPv4, without scope and flow label.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
