//! Connections and packets between two network namespaces.

use crate::rig::{Cgroup, Rig, able, has, in_child, run};
use rampart_model::{Mode, Protocol, Verdict, node::Counter};
use rampart_probe::{
    Attach, Config, Direction, Event, KernelPolicy, NetHook, NetVerdict, SocketOp,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
    time::Duration,
};

const CLIENT: [&str; 2] = ["10.213.7.1", "fd13:7::1"];
const SERVER: [&str; 2] = ["10.213.7.2", "fd13:7::2"];

/// Two namespaces joined by a cable.
struct Net {
    client: String,
    server: String,
}

impl Net {
    fn new(name: &str) -> Self {
        let id = std::process::id();
        let net = Self {
            client: format!("{name}c{id}"),
            server: format!("{name}s{id}"),
        };
        for ns in [&net.client, &net.server] {
            run("ip", &["netns", "add", ns]);
        }
        run(
            "ip",
            &[
                "-n",
                &net.client,
                "link",
                "add",
                "eth0",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                &net.server,
            ],
        );
        for (ns, addresses) in [(&net.client, CLIENT), (&net.server, SERVER)] {
            run(
                "ip",
                &[
                    "-n",
                    ns,
                    "address",
                    "add",
                    &format!("{}/24", addresses[0]),
                    "dev",
                    "eth0",
                ],
            );
            run(
                "ip",
                &[
                    "-n",
                    ns,
                    "address",
                    "add",
                    &format!("{}/64", addresses[1]),
                    "dev",
                    "eth0",
                    "nodad",
                ],
            );
            for dev in ["lo", "eth0"] {
                run("ip", &["-n", ns, "link", "set", dev, "up"]);
            }
        }
        net
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for ns in [&self.client, &self.server] {
            let _ = std::process::Command::new("ip")
                .args(["netns", "delete", ns])
                .output();
        }
    }
}

/// A server thread in its namespace that sends back what it gets, on TCP and UDP.
fn serve(netns: &str, port: u16) {
    let file = std::fs::File::open(Path::new("/run/netns").join(netns)).unwrap();
    let (ready, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // SAFETY: moves this thread only; the descriptor is open.
        let rc = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(rc, 0);
        let udp = UdpSocket::bind(("::", port)).unwrap();
        let tcp = TcpListener::bind(("::", port)).unwrap();
        ready.send(()).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(&buffer[..len], from);
            }
        });
        for stream in tcp.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut text = Vec::new();
            let _ = stream.read_to_end(&mut text);
            let _ = stream.write_all(&text);
        }
    });
    wait.recv().unwrap();
}

fn allow(direction: Direction, protocol: Protocol, port: u16, peer: &str) -> NetVerdict {
    let peer: std::net::IpAddr = peer.parse().unwrap();
    NetVerdict {
        direction,
        protocol: Some(protocol),
        port_low: port,
        port_high: port,
        peer,
        prefix: if peer.is_ipv4() { 32 } else { 128 },
        verdict: Verdict::Allow,
        rule: u32::from(port),
    }
}

fn deny_rest(verdicts: Vec<NetVerdict>) -> KernelPolicy {
    KernelPolicy {
        network_mode: Mode::Protect,
        verdicts,
        default_verdict: Verdict::Deny,
        ..KernelPolicy::default()
    }
}

/// Connects, sends and reads back: 0 for success, 1 for EPERM, 2 for anything else.
fn talk(address: &str, port: u16) -> i32 {
    let address = (address, port);
    let result = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&[7; 5000])?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back)?;
        assert_eq!(back.len(), 5000);
        Ok(())
    });
    code(result)
}

fn code(result: std::io::Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => 1,
        Err(_) => 2,
    }
}

fn datagram(address: &str, port: u16) -> i32 {
    let any = if address.contains(':') {
        "::"
    } else {
        "0.0.0.0"
    };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut buffer = [0; 100];
    let result = socket.send_to(b"hello", (address, port));
    code(
        result
            .and_then(|_| socket.recv_from(&mut buffer))
            .map(|_| ()),
    )
}

#[test]
fn only_allowed_connections_are_made_and_every_byte_is_counted() {
    if !able() || !has("ip") {
        return;
    }
    let rig = Rig::new(Config::default());
    let net = Net::new("a");
    let cgroup = Cgroup::new("connect");
    let label = 31;
    serve(&net.server, 7001);
    serve(&net.server, 7002);
    rig.control
        .attach_workload(&Attach {
            label,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let verdicts = SERVER
        .iter()
        .flat_map(|s| [Protocol::Tcp, Protocol::Udp].map(|p| allow(Direction::Egress, p, 7001, s)))
        .collect();
    rig.control.set_policy(label, &deny_rest(verdicts)).unwrap();
    let child = |body: &dyn Fn() -> i32| in_child(&cgroup.path, Some(&net.client), body);
    let mapped = format!("::ffff:{}", SERVER[0]);
    for address in [SERVER[0], SERVER[1], &mapped] {
        assert_eq!(child(&|| talk(address, 7001)), 0, "tcp {address}");
        assert_eq!(child(&|| talk(address, 7002)), 1, "tcp {address}");
    }
    for address in SERVER {
        assert_eq!(child(&|| datagram(address, 7001)), 0, "udp {address}");
        assert_eq!(child(&|| datagram(address, 7002)), 1, "udp {address}");
    }
    // A connected datagram socket is refused when it sends.
    let connected = || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((SERVER[0], 7002)).unwrap();
        code(socket.send(b"x").map(|_| ()))
    };
    assert_eq!(child(&connected), 1);
    let refused = rig.kept.wait("verdict", |e| match e {
        Event::Verdict(v) if v.protocol == 6 && v.peer.is_ipv6() => Some(v.clone()),
        _ => None,
    });
    assert_eq!(refused.verdict, Verdict::Deny);
    assert_eq!(
        (refused.hook, refused.direction),
        (NetHook::Sock, Direction::Egress)
    );
    assert_eq!((refused.label, refused.server_port()), (label, 7002));
    assert!(refused.pid != 0 && !refused.comm.is_empty());

    let flows = rig.control.drain_flows().unwrap();
    for peer in SERVER {
        let flow = flows
            .iter()
            .find(|f| f.protocol == 6 && f.peer.to_string() == peer && f.peer_port == 7001)
            .unwrap();
        assert_eq!(
            (flow.label, flow.direction, flow.verdict),
            (label, Direction::Egress, Verdict::Allow)
        );
        assert_eq!(flow.rule, 7001);
        assert!(flow.is_new && flow.closed);
        assert!(flow.bytes_out > 5000 && flow.bytes_in > 5000, "{flow:?}");
        let udp = flows
            .iter()
            .find(|f| f.protocol == 17 && f.peer.to_string() == peer && f.peer_port == 7001)
            .unwrap();
        let head = if peer.contains(':') { 48 } else { 28 };
        assert_eq!(
            (udp.bytes_out, udp.bytes_in),
            (head + 5, head + 5),
            "{udp:?}"
        );
        assert_eq!((udp.packets_out, udp.packets_in), (1, 1));
    }
    assert_eq!(rig.control.drain_flows().unwrap(), vec![]);
    let counters = rig.control.counters();
    assert_eq!(counters[&Counter::ConnectsDenied], 5);
    assert_eq!(counters[&Counter::PacketsDropped], 1);
    let ops: Vec<_> = rig.kept.all(|e| match e {
        Event::Socket(s) if s.label == label && s.peer.port() == 7001 => Some(s.op),
        _ => None,
    });
    for op in [SocketOp::Connect, SocketOp::Connected, SocketOp::Close] {
        assert!(ops.contains(&op), "{op:?} in {ops:?}");
    }
}

#[test]
fn a_server_answers_only_those_it_may() {
    if !able() || !has("ip") {
        return;
    }
    let rig = Rig::new(Config::default());
    let net = Net::new("b");
    let cgroup = Cgroup::new("serve");
    let label = 32;
    rig.control
        .attach_workload(&Attach {
            label,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    rig.control
        .set_policy(
            label,
            &deny_rest(vec![allow(
                Direction::Ingress,
                Protocol::Tcp,
                80,
                CLIENT[0],
            )]),
        )
        .unwrap();
    let outside = Cgroup::new("outside");
    let server = || {
        let listener = TcpListener::bind(("::", 80)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
        0
    };
    std::thread::scope(|scope| {
        let (path, ns) = (cgroup.path.clone(), net.server.clone());
        let serving = scope.spawn(move || in_child(&path, Some(&ns), server));
        rig.kept.wait("listen", |e| match e {
            Event::Socket(s) => (s.op == SocketOp::Listen && s.label == label).then_some(()),
            _ => None,
        });
        // The other family is not allowed: its SYN is dropped.
        let refused = in_child(&outside.path, Some(&net.client), || {
            let address = format!("[{}]:80", SERVER[1]).parse().unwrap();
            let result = TcpStream::connect_timeout(&address, Duration::from_millis(2500));
            i32::from(result.is_err_and(|e| e.kind() == ErrorKind::TimedOut))
        });
        assert_eq!(refused, 1);
        assert_eq!(
            in_child(&outside.path, Some(&net.client), || talk(SERVER[0], 80)),
            0
        );
        assert_eq!(serving.join().unwrap(), 0);
    });
    let verdict = rig.kept.wait("verdict", |e| match e {
        Event::Verdict(v) if v.label == label => Some(v.clone()),
        _ => None,
    });
    assert_eq!(
        (verdict.verdict, verdict.hook),
        (Verdict::Deny, NetHook::Packet)
    );
    assert_eq!(
        (verdict.direction, verdict.server_port()),
        (Direction::Ingress, 80)
    );
    let flows = rig.control.drain_flows().unwrap();
    let flow = flows
        .iter()
        .find(|f| f.peer.to_string() == CLIENT[0])
        .unwrap();
    assert_eq!((flow.direction, flow.local_port), (Direction::Ingress, 80));
    assert!(flow.bytes_in > 5000 && flow.bytes_out > 5000);
    let dropped = flows
        .iter()
        .find(|f| f.peer.to_string() == CLIENT[1])
        .unwrap();
    assert!(dropped.denied >= 1 && dropped.bytes_in == 0);
    let accepted = rig.kept.wait("accept", |e| match e {
        Event::Socket(s) if s.op == SocketOp::Accept && s.label == label => Some(s.clone()),
        _ => None,
    });
    assert_eq!(accepted.local.port(), 80);
    assert!(accepted.pid != 0);
}

#[test]
fn modes_and_quarantine() {
    if !able() || !has("ip") {
        return;
    }
    let rig = Rig::new(Config::default());
    let net = Net::new("c");
    let cgroup = Cgroup::new("modes");
    let label = 33;
    serve(&net.server, 7003);
    rig.control
        .attach_workload(&Attach {
            label,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let policy = deny_rest(vec![]);
    let talk_now = || in_child(&cgroup.path, Some(&net.client), || talk(SERVER[0], 7003));
    let monitor = KernelPolicy {
        network_mode: Mode::Monitor,
        ..policy.clone()
    };
    rig.control.set_policy(label, &monitor).unwrap();
    assert_eq!(talk_now(), 0);
    let told = rig.kept.wait("violation", |e| match e {
        Event::Verdict(v) if v.label == label => Some(v.clone()),
        _ => None,
    });
    assert_eq!(told.verdict, Verdict::Violate);
    rig.control.set_policy(label, &policy).unwrap();
    assert_eq!(talk_now(), 1);
    let open = KernelPolicy {
        default_verdict: Verdict::Allow,
        ..policy
    };
    rig.control.set_policy(label, &open).unwrap();
    assert_eq!(talk_now(), 0);
    let quarantined = KernelPolicy {
        quarantined: true,
        ..open
    };
    rig.control.set_policy(label, &quarantined).unwrap();
    assert_eq!(talk_now(), 1);
    // Loopback still works.
    let own = in_child(&cgroup.path, Some(&net.client), || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        code(TcpStream::connect(listener.local_addr().unwrap()).map(|_| ()))
    });
    assert_eq!(own, 0);
}
