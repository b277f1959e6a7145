//! Network rules and conversations.

use crate::{Action, ConfigSource, GroupName, RuleId, Timestamp, Verdict, WorkloadId, mode::names};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Icmp,
    Sctp,
}

names!(Protocol { Tcp = "tcp", Udp = "udp", Icmp = "icmp", Sctp = "sctp" });

impl Protocol {
    pub fn number(self) -> u8 {
        match self {
            Self::Icmp => 1,
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// ICMPv6 (58) is ICMP here.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 | 58 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            _ => return None,
        })
    }
}

/// A range of ports of one protocol, both ends included. No protocol means every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    pub protocol: Option<Protocol>,
    pub low: u16,
    pub high: u16,
}

impl PortRange {
    pub const ANY: Self = Self {
        protocol: None,
        low: 0,
        high: u16::MAX,
    };

    pub fn one(protocol: Protocol, port: u16) -> Self {
        Self {
            protocol: Some(protocol),
            low: port,
            high: port,
        }
    }

    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol.is_none_or(|p| p == protocol) && (self.low..=self.high).contains(&port)
    }
}

/// One line of the network policy. The list is ordered; the first match decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkRule {
    pub id: RuleId,
    pub from: GroupName,
    pub to: GroupName,
    /// Empty is any.
    pub ports: Vec<PortRange>,
    /// Application names; empty is any.
    pub applications: Vec<String>,
    pub action: Action,
    pub source: ConfigSource,
    pub disabled: bool,
    pub comment: String,
    pub priority: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub match_count: u64,
    pub last_match_at: Timestamp,
}

/// Traffic between a workload and a peer, summed since the last report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    pub workload: WorkloadId,
    /// The workload is the server.
    pub ingress: bool,
    pub local: IpAddr,
    pub peer: IpAddr,
    pub protocol: Protocol,
    /// Port of the serving end.
    pub port: u16,
    /// Ephemeral port of the calling end of the last session seen; 0 when not known.
    pub client_port: u16,
    /// Application name, such as `Redis`; empty when not known.
    pub application: String,
    pub sessions: u32,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub verdict: Verdict,
    pub rule: RuleId,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// How it was stopped, if it was.
    pub mechanism: Option<crate::Mechanism>,
    /// The process behind it, when known.
    pub process: Option<Box<crate::ProcessInfo>>,
}
