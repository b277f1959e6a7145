//! A made-up Docker on a unix socket: answers that a real one does not give on demand.

use crate::follow::{Follower, config};
use rampart_cluster::RuntimeKind::Docker;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

const ID: &str = "3f1c0a9be4d5726883920acf1b2d3e4f5061728394a5b6c7d8e9f00112233445";

/// Path prefix and body; the first that matches a request answers it.
type Routes = Vec<(&'static str, String)>;

struct Fake {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

impl Fake {
    fn start(path: &Path, routes: Routes) -> Self {
        let listener = UnixListener::bind(path).expect("socket");
        let stop = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let (ended, kept, routes) = (Arc::clone(&stop), Arc::clone(&streams), Arc::new(routes));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (kept, routes) = (Arc::clone(&kept), Arc::clone(&routes));
                thread::spawn(move || answer(stream, &routes, &kept));
            }
        });
        Self {
            path: path.to_owned(),
            stop,
            streams,
        }
    }

    /// Writes to every open event stream.
    fn emit(&self, line: &str) {
        for stream in self.streams.lock().expect("lock").iter_mut() {
            let _ = write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.path);
        for stream in self.streams.lock().expect("lock").drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn answer(mut stream: UnixStream, routes: &Routes, kept: &Mutex<Vec<UnixStream>>) {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().expect("clone"));
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let path = line
        .split(' ')
        .nth(1)
        .unwrap_or("")
        .trim_start_matches("/v1.40")
        .to_owned();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {}
    if path.starts_with("/events") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        kept.lock().expect("lock").push(stream);
        return;
    }
    let (status, body) = match routes.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        Some((_, body)) => ("200 OK", body.as_str()),
        None => ("404 Not Found", "{\"message\":\"no such thing\"}"),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn inspect(id: &str, name: &str) -> String {
    format!(
        r#"{{"Id":"{id}","Name":"/{name}","Image":"sha256:11","State":{{"Running":true,"Pid":{}}},
            "Config":{{"Image":"nginx:1","Labels":{{"app":"front"}}}},"HostConfig":{{"NetworkMode":"host"}}}}"#,
        std::process::id()
    )
}

fn routes() -> Routes {
    vec![
        ("/version", r#"{"Version":"99.1"}"#.to_owned()),
        (
            "/containers/json",
            format!(
                r#"[{{"Id":"{ID}","State":"running"}},{{"Id":"bad","State":"running"}},{{"Id":"../x","State":"running"}},7,{{}}]"#
            ),
        ),
        ("/containers/3f1c", inspect(ID, "web")),
        ("/containers/bad/json", "{\"Id\": \"bad".to_owned()),
        ("/containers/late/json", inspect("late", "late")),
        (
            "/images/sha256:11/json",
            r#"{"RepoDigests":["nginx@sha256:22"]}"#.to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_events_and_malformed_answers() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let socket = dir.path().join("docker.sock");
    let fake = Fake::start(&socket, routes());
    let mut follower = Follower::start(config(&[(Docker, &socket)]));
    assert_eq!(follower.found(Docker).await, "99.1");
    let w = follower.container("web", |w| w.running).await;
    assert_eq!(
        (
            w.image.as_str(),
            w.image_digest.as_str(),
            w.service.as_str()
        ),
        ("nginx:1", "sha256:22", "front")
    );
    let counted = || follower.discovery.stats().skipped >= 1;
    assert!(
        rampart_testkit::wait_until(crate::follow::DEADLINE, counted),
        "the malformed container was not counted"
    );

    fake.emit("this is no JSON");
    fake.emit(r#"{"Type":"container","Action":"start","Actor":{"ID":"late"}}"#);
    let late = follower.container("late", |w| w.running).await;
    assert_eq!(late.id.as_str(), "late");
    let die = format!(
        r#"{{"Type":"container","Action":"die","timeNano":1795549200000000000,"Actor":{{"ID":"{ID}","Attributes":{{"exitCode":"137"}}}}}}"#
    );
    fake.emit(&die);
    assert_eq!(follower.removed(ID).await, 137);
    let last = follower.discovery.workload(&ID.into()).expect("remembered");
    assert_eq!(last.finished_at.ms(), 1_795_549_200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_dies_and_returns_is_dialled_again() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let socket = dir.path().join("docker.sock");
    let mut follower = Follower::start(config(&[(Docker, &socket)]));
    // Named, and not there: said once.
    assert!(follower.lost(Docker).await.contains("cannot connect"));
    let fake = Fake::start(&socket, routes());
    follower.found(Docker).await;
    follower.container("web", |w| w.running).await;
    drop(fake);
    follower.lost(Docker).await;
    // Its containers stay: their processes still run.
    assert!(
        follower
            .discovery
            .workload(&ID.into())
            .is_some_and(|w| w.running)
    );
    let _fake = Fake::start(&socket, routes());
    follower.found(Docker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_without_line_ends_is_cut_off() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let socket = dir.path().join("docker.sock");
    let fake = Fake::start(&socket, routes());
    let mut follower = Follower::start(config(&[(Docker, &socket)]));
    follower.found(Docker).await;
    follower.container("web", |w| w.running).await;
    let flood = "x".repeat(1 << 16);
    thread::spawn({
        let streams = Arc::clone(&fake.streams);
        move || {
            for _ in 0..64 {
                for stream in streams.lock().expect("lock").iter_mut() {
                    let _ = write!(stream, "{:x}\r\n{flood}\r\n", flood.len());
                }
            }
        }
    });
    assert!(follower.lost(Docker).await.contains("larger than"));
}
