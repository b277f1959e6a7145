//! Reads the kernel's flow table: what each flow moved since the last time.

use crate::{
    Error, Flow,
    decode::{Clock, address, clock_ns, direction, model_verdict},
    intf::{self, FlowKey, FlowValue},
};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use std::collections::{HashMap, HashSet};

/// Entries read with one system call.
const BATCH: u32 = 1024;
/// A closed flow is forgotten this long after its last packet, others after `IDLE_NS`.
const CLOSED_NS: u64 = 5_000_000_000;
const IDLE_NS: u64 = 300_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    first_ns: u64,
    bytes_in: u64,
    bytes_out: u64,
    packets_in: u64,
    packets_out: u64,
    denied: u64,
}

#[derive(Debug, Default)]
pub(crate) struct FlowReader {
    seen: HashMap<Vec<u8>, Seen>,
}

impl FlowReader {
    /// Flows that moved, and removal of those that are over.
    pub(crate) fn drain(&mut self, flows: &MapHandle) -> Result<Vec<Flow>, Error> {
        let clock = Clock::now();
        let now = clock_ns(libc::CLOCK_BOOTTIME);
        let mut moved = Vec::new();
        let mut live = HashSet::new();
        let mut over = Vec::new();
        let entries = flows
            .lookup_batch(BATCH, MapFlags::ANY, MapFlags::ANY)
            .map_err(Error::kernel("to list the flows"))?;
        for (key, value) in entries {
            let (Some(flow_key), Some(value)) =
                (intf::read::<FlowKey>(&key), intf::read::<FlowValue>(&value))
            else {
                continue;
            };
            moved.extend(self.delta(&key, &flow_key, &value, clock));
            let idle = now.saturating_sub(value.last_ns.max(value.first_ns));
            let closed = value.flags & intf::FLOW_CLOSED != 0;
            if idle > if closed { CLOSED_NS } else { IDLE_NS } {
                over.push(key);
            } else {
                live.insert(key);
            }
        }
        for key in over {
            let _ = flows.delete(&key);
        }
        self.seen.retain(|key, _| live.contains(key));
        Ok(moved)
    }

    fn delta(
        &mut self,
        raw: &[u8],
        key: &FlowKey,
        value: &FlowValue,
        clock: Clock,
    ) -> Option<Flow> {
        let before = self
            .seen
            .get(raw)
            .copied()
            .filter(|s| s.first_ns == value.first_ns);
        let is_new = before.is_none();
        let before = before.unwrap_or_default();
        let flow = Flow {
            label: key.label,
            direction: direction(value.dir),
            protocol: key.proto,
            local: address(key.local),
            local_port: key.local_port,
            peer: address(key.peer),
            peer_port: key.peer_port,
            bytes_in: value.bytes_in.saturating_sub(before.bytes_in),
            bytes_out: value.bytes_out.saturating_sub(before.bytes_out),
            packets_in: value.packets_in.saturating_sub(before.packets_in),
            packets_out: value.packets_out.saturating_sub(before.packets_out),
            denied: value.denied.saturating_sub(before.denied),
            verdict: model_verdict(value.verdict),
            rule: value.rule,
            first_seen: clock.wall(value.first_ns),
            last_seen: clock.wall(value.last_ns),
            is_new,
            closed: value.flags & intf::FLOW_CLOSED != 0,
        };
        self.seen.insert(
            raw.to_vec(),
            Seen {
                first_ns: value.first_ns,
                bytes_in: value.bytes_in,
                bytes_out: value.bytes_out,
                packets_in: value.packets_in,
                packets_out: value.packets_out,
                denied: value.denied,
            },
        );
        let quiet = flow.packets_in + flow.packets_out + flow.denied == 0;
        (is_new || !quiet).then_some(flow)
    }
}
