//! Who talks to whom: summed traffic between two ends, by port and application.
//!
//! Kept in memory and saved at intervals, never per packet. Bounded: [`MAX_EDGES`] pairs of ends,
//! [`MAX_ENTRIES`] ports of one pair; the oldest make room. Both ends of a conversation report it;
//! each side is summed apart and the larger one is shown.

use super::{MapEntry, key, service::Exposed, worse};
use crate::AppError;
use rampart_model::{
    Conversation, Group, LogLevel, Mechanism, ProcessInfo, Protocol, RuleId, Timestamp, Verdict,
    WorkloadId,
};
use rampart_store::{Store, Txn};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

/// Pairs of ends.
pub(crate) const MAX_EDGES: usize = 20_000;
/// Entries of one pair.
pub(crate) const MAX_ENTRIES: usize = 256;
/// Applications remembered of one workload.
const MAX_APPLICATIONS: usize = 64;
/// Longest name of an application, in bytes.
const MAX_APPLICATION: usize = 64;
/// Edges saved in one transaction.
const SAVE_BATCH: usize = 256;

/// Both ends, by their ids: client, server.
pub(crate) type Pair = (String, String);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct EntryKey {
    protocol: Protocol,
    port: u16,
    application: String,
    client_ip: IpAddr,
    server_ip: IpAddr,
    verdict: Verdict,
}

/// What one end counted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Side {
    sessions: u64,
    /// Towards the server, and from it.
    bytes_in: u64,
    bytes_out: u64,
    last: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    client: Side,
    server: Side,
    client_port: u16,
    rule: RuleId,
    mechanism: Option<Mechanism>,
    process: Option<Box<ProcessInfo>>,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    entries: BTreeMap<EntryKey, Entry>,
    pub(crate) severity: Option<LogLevel>,
    pub(crate) last_seen: Timestamp,
}

/// An edge as it is stored.
#[derive(Serialize, Deserialize)]
struct Saved {
    from: String,
    to: String,
    severity: Option<LogLevel>,
    entries: Vec<(EntryKey, Entry)>,
}

#[derive(Debug, Default)]
pub(crate) struct Conversations {
    edges: BTreeMap<Pair, Edge>,
    /// Not saved since they changed; gone edges are in here too.
    unsaved: BTreeSet<Pair>,
}

/// What a report did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was counted before.
    Repeated,
    Counted,
    /// Counted, and the first of its port and application.
    New,
}

impl Conversations {
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, AppError> {
        let mut all = Self::default();
        for stored in store.list(key::CONVERSATION).await?.entries {
            let saved: Saved = key::decode(&stored)?;
            let last_seen = saved
                .entries
                .iter()
                .map(|(_, e)| e.last_seen)
                .max()
                .unwrap_or_default();
            let edge = Edge {
                entries: saved.entries.into_iter().collect(),
                severity: saved.severity,
                last_seen,
            };
            all.edges.insert((saved.from, saved.to), edge);
        }
        Ok(all)
    }

    /// Adds what one end reported. `pair` is client, server.
    pub(crate) fn add(&mut self, pair: &Pair, talk: &Conversation) -> Added {
        let edge = self.edges.entry(pair.clone()).or_default();
        let key = entry_key(talk);
        let is_new = !edge.entries.contains_key(&key);
        let entry = edge.entries.entry(key).or_insert_with(|| Entry::new(talk));
        if !entry.add(talk) {
            return Added::Repeated;
        }
        edge.last_seen = edge.last_seen.max(talk.last_seen);
        edge.trim();
        self.unsaved.insert(pair.clone());
        self.trim();
        if is_new { Added::New } else { Added::Counted }
    }

    /// Marks an edge with the level of a violation or threat.
    pub(crate) fn mark(&mut self, from: &str, to: &str, level: LogLevel) {
        let pair = (from.to_owned(), to.to_owned());
        if let Some(edge) = self.edges.get_mut(&pair)
            && edge.severity < Some(level)
        {
            edge.severity = Some(level);
            self.unsaved.insert(pair);
        }
    }

    fn trim(&mut self) {
        if self.edges.len() <= MAX_EDGES {
            return;
        }
        let mut ages: Vec<(Timestamp, Pair)> = self
            .edges
            .iter()
            .map(|(pair, edge)| (edge.last_seen, pair.clone()))
            .collect();
        ages.sort();
        for (_, pair) in ages.into_iter().take(MAX_EDGES / 20) {
            self.edges.remove(&pair);
            self.unsaved.insert(pair);
        }
    }

    /// Forgets the edges that a test picks.
    pub(crate) fn forget(&mut self, gone: impl Fn(&Pair, &Edge) -> bool) -> usize {
        let pairs: Vec<Pair> = self
            .edges
            .iter()
            .filter(|(pair, edge)| gone(pair, edge))
            .map(|(p, _)| p.clone())
            .collect();
        for pair in &pairs {
            self.edges.remove(pair);
        }
        let count = pairs.len();
        self.unsaved.extend(pairs);
        count
    }

    /// Takes what is not saved, in batches. What fails to be saved is to be given back.
    pub(crate) fn unsaved(&mut self) -> Vec<Pair> {
        let first: Vec<Pair> = self.unsaved.iter().take(SAVE_BATCH).cloned().collect();
        for pair in &first {
            self.unsaved.remove(pair);
        }
        first
    }

    pub(crate) fn give_back(&mut self, pairs: Vec<Pair>) {
        self.unsaved.extend(pairs);
    }

    pub(crate) fn txn(&self, pairs: &[Pair]) -> Result<Txn, AppError> {
        let mut txn = Txn::new();
        for pair in pairs {
            let key = format!("{}{} > {}", key::CONVERSATION, pair.0, pair.1);
            txn = match self.edges.get(pair) {
                None => txn.delete(key),
                Some(edge) => txn.put(key, key::encode(&edge.saved(pair))?),
            };
        }
        Ok(txn)
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = (&Pair, &Edge)> {
        self.edges.iter()
    }

    pub(crate) fn edge(&self, from: &str, to: &str) -> Option<&Edge> {
        self.edges.get(&(from.to_owned(), to.to_owned()))
    }

    /// Applications by the workload that serves them.
    pub(crate) fn applications(&self) -> HashMap<WorkloadId, Vec<String>> {
        let mut found: HashMap<WorkloadId, BTreeSet<&str>> = HashMap::new();
        for ((_, server), edge) in &self.edges {
            let names = edge
                .entries
                .keys()
                .filter(|key| key.verdict != Verdict::Deny);
            for name in names
                .map(|key| key.application.as_str())
                .filter(|name| !name.is_empty())
            {
                let names = found.entry(server.as_str().into()).or_default();
                if names.len() < MAX_APPLICATIONS {
                    names.insert(name);
                }
            }
        }
        found
            .into_iter()
            .map(|(id, names)| (id, names.into_iter().map(str::to_owned).collect()))
            .collect()
    }

    pub(crate) fn exposed(&self) -> Exposed {
        let mut exposed = Exposed::default();
        for (from, to) in self.edges.keys() {
            if from == Group::EXTERNAL {
                exposed.ingress.insert(to.clone());
            }
            if to == Group::EXTERNAL {
                exposed.egress.insert(from.clone());
            }
        }
        exposed
    }
}

impl Edge {
    fn saved(&self, pair: &Pair) -> Saved {
        Saved {
            from: pair.0.clone(),
            to: pair.1.clone(),
            severity: self.severity,
            entries: self
                .entries
                .iter()
                .map(|(k, e)| (k.clone(), e.clone()))
                .collect(),
        }
    }

    fn trim(&mut self) {
        while self.entries.len() > MAX_ENTRIES {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_seen);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.entries.remove(&key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.entries
            .keys()
            .map(|key| key.verdict)
            .fold(Verdict::Allow, worse)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = MapEntry> + '_ {
        self.entries.iter().map(|(key, entry)| MapEntry {
            application: key.application.clone(),
            protocol: key.protocol,
            port: key.port,
            mapped_port: key.port,
            client_ip: key.client_ip,
            server_ip: key.server_ip,
            client_port: entry.client_port,
            bytes_in: entry.client.bytes_in.max(entry.server.bytes_in),
            bytes_out: entry.client.bytes_out.max(entry.server.bytes_out),
            sessions: entry.client.sessions.max(entry.server.sessions),
            verdict: key.verdict,
            rule: entry.rule,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            mechanism: entry.mechanism,
            process: entry.process.clone(),
        })
    }
}

impl Entry {
    fn new(talk: &Conversation) -> Self {
        Self {
            client: Side::default(),
            server: Side::default(),
            client_port: talk.client_port,
            rule: talk.rule,
            mechanism: talk.mechanism,
            process: talk.process.clone(),
            first_seen: talk.first_seen,
            last_seen: talk.last_seen,
        }
    }

    /// False if it was counted before: a side's reports come in order of their last sight.
    fn add(&mut self, talk: &Conversation) -> bool {
        let side = if talk.ingress {
            &mut self.server
        } else {
            &mut self.client
        };
        if side.last.is_known() && talk.last_seen <= side.last {
            return false;
        }
        let (to_server, from_server) = if talk.ingress {
            (talk.bytes_in, talk.bytes_out)
        } else {
            (talk.bytes_out, talk.bytes_in)
        };
        side.sessions = side.sessions.saturating_add(u64::from(talk.sessions));
        side.bytes_in = side.bytes_in.saturating_add(to_server);
        side.bytes_out = side.bytes_out.saturating_add(from_server);
        side.last = talk.last_seen;
        self.rule = talk.rule;
        self.last_seen = self.last_seen.max(talk.last_seen);
        if talk.client_port != 0 {
            self.client_port = talk.client_port;
        }
        self.mechanism = talk.mechanism.or(self.mechanism);
        if talk.process.is_some() {
            self.process.clone_from(&talk.process);
        }
        true
    }
}

fn entry_key(talk: &Conversation) -> EntryKey {
    let (client_ip, server_ip) = if talk.ingress {
        (talk.peer, talk.local)
    } else {
        (talk.local, talk.peer)
    };
    EntryKey {
        protocol: talk.protocol,
        port: talk.port,
        application: cut(&talk.application, MAX_APPLICATION).to_owned(),
        client_ip: client_ip.to_canonical(),
        server_ip: server_ip.to_canonical(),
        verdict: talk.verdict,
    }
}

/// The start of a text, at most so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(port: u16, ingress: bool, last: i64) -> Conversation {
        let (client, server) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        Conversation {
            workload: "w".into(),
            ingress,
            local: if ingress { server } else { client },
            peer: if ingress { client } else { server },
            protocol: Protocol::Tcp,
            port,
            client_port: 0,
            application: "HTTP".into(),
            sessions: 2,
            bytes_in: 10,
            bytes_out: 100,
            verdict: Verdict::Allow,
            rule: RuleId(3),
            first_seen: Timestamp(1),
            last_seen: Timestamp(last),
            mechanism: None,
            process: None,
        }
    }

    fn pair(n: usize) -> Pair {
        (format!("c{n}"), "s".to_owned())
    }

    #[test]
    fn both_ends_are_counted_once() {
        let mut all = Conversations::default();
        assert_eq!(all.add(&pair(0), &talk(80, false, 5)), Added::New);
        assert_eq!(all.add(&pair(0), &talk(80, false, 5)), Added::Repeated);
        assert_eq!(all.add(&pair(0), &talk(80, true, 5)), Added::Counted);
        assert_eq!(all.add(&pair(0), &talk(80, false, 9)), Added::Counted);
        let edge = all.edge("c0", "s").unwrap();
        let entry = edge.entries().next().unwrap();
        assert_eq!(edge.len(), 1);
        // The client told of 4 sessions with 200 bytes to the server and 20 back, the server of 2
        // with 10 and 100: each figure is the larger one, not the sum.
        assert_eq!(
            (entry.sessions, entry.bytes_in, entry.bytes_out),
            (4, 200, 100)
        );
    }

    #[test]
    fn everything_is_bounded_and_the_oldest_goes() {
        let mut all = Conversations::default();
        for port in 0..1000 {
            all.add(&pair(0), &talk(port, false, 10 + i64::from(port)));
        }
        let edge = all.edge("c0", "s").unwrap();
        assert_eq!(edge.len(), MAX_ENTRIES);
        assert!(edge.entries().all(|entry| entry.port >= 1000 - 256));
        for n in 0..MAX_EDGES + 10 {
            let last = 10_000 + i64::try_from(n).unwrap();
            all.add(&pair(n), &talk(80, false, last));
        }
        assert!(all.edges.len() <= MAX_EDGES);
        assert!(all.edge("c1", "s").is_none());
        assert!(all.edge(&format!("c{}", MAX_EDGES + 9), "s").is_some());
    }

    #[test]
    fn applications_of_servers_are_known() {
        let mut all = Conversations::default();
        all.add(&pair(0), &talk(80, false, 5));
        let mut denied = talk(6379, false, 5);
        denied.application = "Redis".into();
        denied.verdict = Verdict::Deny;
        all.add(&pair(0), &denied);
        assert_eq!(all.applications()["s"], ["HTTP"]);
        assert_eq!(all.edge("c0", "s").unwrap().verdict(), Verdict::Deny);
    }

    #[test]
    fn long_names_are_cut_at_characters() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("ab", 9), "ab");
    }
}
