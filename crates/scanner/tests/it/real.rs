//! Debian's own registry, pushed to by skopeo, scanned from.

use crate::build::{TWO_LAYERS, packages, two_layers};
use rampart_scanner::{
    registry::{Client, Settings},
    scan::{self, Options, Silent},
    source,
    stop::Stop,
};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, port: u16) -> Registry {
    let config = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        folder.join("store").display()
    );
    std::fs::write(folder.join("config.yml"), config).unwrap();
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(folder.join("config.yml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let registry = Registry(child);
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "docker-registry does not listen");
        std::thread::yield_now();
    }
    registry
}

fn has(tool: &str) -> bool {
    let found = ["/usr/bin", "/usr/local/bin", "/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(tool).is_file());
    if !found {
        eprintln!("skipped: {tool} is not installed (scripts/setup.sh test)");
    }
    found
}

#[test]
fn pushed_by_skopeo_and_scanned() {
    if !has("docker-registry") || !has("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let _registry = start(folder.path(), port);
    two_layers().write_layout(&folder.path().join("layout"), "app");
    let pushed = Command::new("skopeo")
        .args(["copy", "--insecure-policy", "--dest-tls-verify=false"])
        .arg(format!(
            "oci:{}:app",
            folder.path().join("layout").display()
        ))
        .arg(format!("docker://127.0.0.1:{port}/team/app:1"))
        .output()
        .unwrap();
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let client = Arc::new(Client::new(Settings::default(), Stop::never()).unwrap());
    let reference = format!("127.0.0.1:{port}/team/app:1").parse().unwrap();
    let source =
        source::registry::open(Arc::clone(&client), runtime.handle(), &reference, None).unwrap();
    let found = scan::inspect(source, &Options::default(), &Silent).unwrap();
    assert_eq!(packages(&found), TWO_LAYERS);
    let host = format!("127.0.0.1:{port}");
    assert_eq!(
        runtime.block_on(client.catalog(&host)).unwrap(),
        ["team/app"]
    );
    assert_eq!(
        runtime.block_on(client.tags(&host, "team/app")).unwrap(),
        ["1"]
    );
}
