//! Application names and the ports they are known by.
//!
//! Without a look into the packets an application is told by its port alone; a name given by a
//! protocol parser is believed over the port.

use rampart_model::Protocol;

/// An application by NeuVector's name, and where it listens when nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application {
    pub name: &'static str,
    pub ports: &'static [(Protocol, u16)],
}

use Protocol::{Tcp, Udp};

macro_rules! applications {
    ($($name:literal: [$($protocol:ident $port:literal),*]),+ $(,)?) => {
        /// Every application with a name, in the order they are looked up.
        pub const ALL: &[Application] = &[
            $(Application { name: $name, ports: &[$(($protocol, $port)),*] }),+
        ];
    };
}

applications! {
    "HTTP": [Tcp 80, Tcp 8080, Tcp 8000, Tcp 8008, Tcp 8888],
    "SSL": [Tcp 443, Tcp 8443],
    "SSH": [Tcp 22],
    "DNS": [Udp 53, Tcp 53],
    "DHCP": [Udp 67, Udp 68],
    "NTP": [Udp 123],
    "TFTP": [Udp 69],
    "Echo": [Tcp 7, Udp 7],
    "RTSP": [Tcp 554],
    "SIP": [Tcp 5060, Udp 5060],
    "MySQL": [Tcp 3306],
    "Redis": [Tcp 6379],
    "ZooKeeper": [Tcp 2181],
    "Cassandra": [Tcp 9042],
    "MongoDB": [Tcp 27017],
    "PostgreSQL": [Tcp 5432],
    "Kafka": [Tcp 9092],
    "Couchbase": [Tcp 8091, Tcp 11210],
    "ActiveMQ": [Tcp 61616],
    "CouchDB": [Tcp 5984],
    "ElasticSearch": [Tcp 9200, Tcp 9300],
    "Memcached": [Tcp 11211, Udp 11211],
    "RabbitMQ": [Tcp 5672],
    "Radius": [Udp 1812, Udp 1813],
    "VoltDB": [Tcp 21212],
    "Consul": [Tcp 8500],
    "Syslog": [Udp 514, Tcp 514],
    "etcd": [Tcp 2379, Tcp 2380],
    "Spark": [Tcp 7077],
    "Erlang-EPMD": [Tcp 4369],
    "Oracle": [Tcp 1521],
    "MSSQL": [Tcp 1433],
    "GRPC": [Tcp 50051],
    "WordPress": [],
    "Apache": [],
    "nginx": [],
    "Jetty": [],
    "Node.js": [],
}

/// An application by its name, in any case.
pub fn find(name: &str) -> Option<&'static Application> {
    ALL.iter().find(|a| a.name.eq_ignore_ascii_case(name))
}

/// What usually listens on a port.
pub fn by_port(protocol: Protocol, port: u16) -> Option<&'static str> {
    ALL.iter()
        .find(|a| a.ports.contains(&(protocol, port)))
        .map(|a| a.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_unique_and_found() {
        let mut seen = std::collections::HashSet::new();
        for app in ALL {
            assert_eq!(
                find(&app.name.to_uppercase()).map(|a| a.name),
                Some(app.name)
            );
            for &(protocol, port) in app.ports {
                assert!(seen.insert((protocol, port)), "{protocol}/{port} twice");
                assert_eq!(by_port(protocol, port), Some(app.name));
            }
        }
        assert_eq!(by_port(Tcp, 4711), None);
    }
}
