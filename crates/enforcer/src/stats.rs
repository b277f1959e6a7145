//! What the node costs and counts, every few seconds; what was lost is told as a record.

use crate::{
    inventory::Registry,
    outbox::{Outbox, now},
    runtime::Runtime,
};
use rampart_model::{LogLevel, NodeStats, node::Counter};
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

pub(crate) struct Stats {
    runtime: Arc<Runtime>,
    registry: Arc<Registry>,
    before: Mutex<Before>,
}

/// Readings of the last round.
struct Before {
    at: Instant,
    cpu_ticks: u64,
    counters: BTreeMap<Counter, u64>,
    overflowed: u64,
    latest: NodeStats,
}

/// Clock ticks of /proc/PID/stat; 100 a second on every Linux we build for.
const TICKS_PER_SECOND: f64 = 100.0;

impl Stats {
    pub(crate) fn new(runtime: Arc<Runtime>, registry: Arc<Registry>) -> Self {
        let before = Before {
            at: Instant::now(),
            cpu_ticks: cpu_ticks(),
            counters: BTreeMap::new(),
            overflowed: 0,
            latest: NodeStats::default(),
        };
        Self {
            runtime,
            registry,
            before: Mutex::new(before),
        }
    }

    /// Reads everything anew, and tells of losses since the last round.
    pub(crate) fn round(&self) -> NodeStats {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let (processes, _, overflowed) = self.runtime.counts();
        let counters = self
            .runtime
            .kernel()
            .map(|k| k.counters())
            .unwrap_or_default();
        tell_losses(self.runtime.out(), &before.counters, &counters);
        tell_overflow(self.runtime.out(), before.overflowed, overflowed);
        let (at, ticks) = (Instant::now(), cpu_ticks());
        let seconds = at.duration_since(before.at).as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let used = ticks.saturating_sub(before.cpu_ticks) as f64 / TICKS_PER_SECOND;
        let stats = NodeStats {
            at: now(),
            cpu: if seconds > 0.0 { used / seconds } else { 0.0 },
            memory_bytes: resident_bytes(),
            workloads: u32::try_from(self.runtime.members().len()).unwrap_or(u32::MAX),
            processes: u32::try_from(processes).unwrap_or(u32::MAX),
            counters: self.named(&counters, overflowed),
            detection: self.runtime.detection_stats(),
        };
        (before.at, before.cpu_ticks) = (at, ticks);
        (before.counters, before.overflowed) = (counters, overflowed);
        before.latest = stats.clone();
        stats
    }

    pub(crate) fn latest(&self) -> NodeStats {
        self.before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .latest
            .clone()
    }

    fn named(&self, counters: &BTreeMap<Counter, u64>, overflowed: u64) -> BTreeMap<String, u64> {
        let mut named: BTreeMap<String, u64> = counters
            .iter()
            .map(|(counter, n)| (counter.name().to_owned(), *n))
            .collect();
        let latency = &self.registry.latency;
        named.extend([
            (
                Counter::Spooled.name().to_owned(),
                self.runtime.out().spool.waiting(),
            ),
            ("processes_untracked".to_owned(), overflowed),
            ("start_to_enforced_count".to_owned(), latency.count()),
            (
                "start_to_enforced_p50_us".to_owned(),
                latency.quantile_us(50),
            ),
            (
                "start_to_enforced_p99_us".to_owned(),
                latency.quantile_us(99),
            ),
            ("start_to_enforced_max_us".to_owned(), latency.max_us()),
        ]);
        named
    }
}

/// Counters whose growth means that something was not seen or not stopped.
const LOSSES: &[(Counter, LogLevel, &str, &str)] = &[
    (
        Counter::EventsDropped,
        LogLevel::Warning,
        "Agent.Events.Dropped",
        "kernel events were lost because the ring was full",
    ),
    (
        Counter::CriticalDropped,
        LogLevel::Critical,
        "Agent.Events.Dropped",
        "critical kernel events were lost because the reserved ring was full",
    ),
    (
        Counter::FailedOpen,
        LogLevel::Critical,
        "Agent.Enforcement.Late",
        "permission questions were let through by the fail mode",
    ),
    (
        Counter::FailedClosed,
        LogLevel::Critical,
        "Agent.Enforcement.Late",
        "permission questions were refused by the fail mode",
    ),
    (
        Counter::QueueOverflows,
        LogLevel::Warning,
        "Agent.Events.Dropped",
        "times changes of files were lost because a queue was full",
    ),
];

fn tell_losses(out: &Outbox, before: &BTreeMap<Counter, u64>, after: &BTreeMap<Counter, u64>) {
    for (counter, level, name, what) in LOSSES {
        let read = |from: &BTreeMap<Counter, u64>| from.get(counter).copied().unwrap_or(0);
        let lost = read(after).saturating_sub(read(before));
        if lost > 0 {
            out.alarm(*level, name, format!("{lost} {what}"));
        }
    }
    tell_stops(out, before, after);
    let lost = out.spool.take_lost();
    if !lost.is_nothing() {
        let level = if lost.records > 0 {
            LogLevel::Critical
        } else {
            LogLevel::Warning
        };
        out.alarm(level, "Agent.Spool.Overflow", lost.describe());
    }
}

/// The watchdog found the listener stopped or hung, and continued it or answered in its place.
fn tell_stops(out: &Outbox, before: &BTreeMap<Counter, u64>, after: &BTreeMap<Counter, u64>) {
    let grown = |counter| {
        let read = |from: &BTreeMap<Counter, u64>| from.get(&counter).copied().unwrap_or(0);
        read(after).saturating_sub(read(before))
    };
    let stops = grown(Counter::ListenerStops);
    if stops > 0 {
        let answers = grown(Counter::WatchdogAnswers);
        let text = format!(
            "the agent was found stopped or hung {stops} times while programs or files waited for \
             its answer; its watchdog answered {answers} questions by the fail mode"
        );
        out.alarm(LogLevel::Critical, "Agent.Enforcement.Stopped", text);
    }
}

fn tell_overflow(out: &Outbox, before: u64, after: u64) {
    if after > before {
        let text = format!(
            "{} processes are not in the process table because it is full",
            after - before
        );
        out.alarm(LogLevel::Warning, "Agent.Processes.Untracked", text);
    }
}

/// User and system time of this process.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = |n| {
        fields
            .split(' ')
            .nth(n)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    ticks(11) + ticks(12)
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_readings() {
        assert!(resident_bytes() > 1 << 20);
        let before = cpu_ticks();
        while cpu_ticks() == before {
            std::hint::spin_loop();
        }
    }
}
