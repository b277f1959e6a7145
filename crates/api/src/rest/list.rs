//! Fixed lists clients offer as choices.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Choices {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub application: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry_type: Vec<String>,
}

envelope! { ListData { list: Choices } }

/// Application names a network rule may hold, as NeuVector spells them.
pub const APPLICATIONS: &[&str] = &[
    "ActiveMQ",
    "Apache",
    "Cassandra",
    "Consul",
    "Couchbase",
    "CouchDB",
    "DHCP",
    "DNS",
    "Echo",
    "ElasticSearch",
    "Erlang-EPMD",
    "etcd",
    "GRPC",
    "HTTP",
    "Jetty",
    "Kafka",
    "Memcached",
    "MongoDB",
    "MSSQL",
    "MySQL",
    "nginx",
    "NodeJS",
    "NTP",
    "Oracle",
    "PostgreSQL",
    "RabbitMQ",
    "Radius",
    "Redis",
    "RTSP",
    "SIP",
    "Spark",
    "SSH",
    "SSL",
    "Syslog",
    "TFTP",
    "VoltDB",
    "Wordpress",
    "ZooKeeper",
];
