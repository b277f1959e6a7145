//! Debian's own registry, pushed to by skopeo, scanned from, and SBOMs attached in it.

use crate::build::{TWO_LAYERS, packages, two_layers};
use rampart_model::Timestamp;
use rampart_scanner::{
    registry::{Artifact, Client, Reference, Settings},
    scan::{self, Options, Silent},
    source::{
        self, Source,
        attached::{self, CYCLONEDX},
    },
    stop::Stop,
};
use rampart_vuln::sbom::{self, cyclonedx};
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

/// The registry with an image in it that skopeo pushed.
fn with_image(folder: &Path) -> (Registry, u16) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let registry = start(folder, port);
    two_layers().write_layout(&folder.join("layout"), "app");
    let pushed = Command::new("skopeo")
        .args(["copy", "--insecure-policy", "--dest-tls-verify=false"])
        .arg(format!("oci:{}:app", folder.join("layout").display()))
        .arg(format!("docker://127.0.0.1:{port}/team/app:1"))
        .output()
        .unwrap();
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );
    (registry, port)
}

#[test]
fn pushed_by_skopeo_and_scanned() {
    if !has("docker-registry") || !has("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_registry, port) = with_image(folder.path());
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

/// Debian's registry has no referrers API: what is attached is listed under the subject's tag.
#[test]
fn an_sbom_is_attached_and_read_back() {
    if !has("docker-registry") || !has("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_registry, port) = with_image(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let client = Arc::new(Client::new(Settings::default(), Stop::never()).unwrap());
    let reference: Reference = format!("127.0.0.1:{port}/team/app:1").parse().unwrap();
    let open = || {
        let client = Arc::clone(&client);
        source::registry::open(client, runtime.handle(), &reference, None).unwrap()
    };
    let found = scan::inspect(open(), &Options::default(), &Silent).unwrap();
    let options = sbom::Options {
        tool_version: "1".into(),
        created: Timestamp::UNKNOWN,
        author: String::new(),
    };
    let document = cyclonedx::write(&found.report, &options, cyclonedx::Version::V1_6, false);
    let artifact = Artifact {
        media_type: CYCLONEDX,
        title: "sbom.cdx.json",
        content: document.as_bytes(),
        annotations: &[],
    };
    let subject = found.report.target.digest.clone();
    let attach = || {
        runtime
            .block_on(client.attach(&reference, &subject, &artifact))
            .unwrap()
    };
    let first = attach();
    let second = attach();
    assert_eq!(
        (first.known, first.by_tag, second.known),
        (false, true, true)
    );
    let mut tags = runtime
        .block_on(client.tags(&format!("127.0.0.1:{port}"), "team/app"))
        .unwrap();
    tags.sort();
    assert_eq!(tags, ["1".to_owned(), subject.replace(':', "-")]);
    // Another client reads what was stored.
    let raw = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false"])
        .arg(format!(
            "docker://127.0.0.1:{port}/team/app@{}",
            first.digest
        ))
        .output()
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&raw.stdout).unwrap();
    assert_eq!(manifest["subject"]["digest"], subject.as_str());
    assert_eq!(manifest["artifactType"], CYCLONEDX);
    let Source::Image(image) = open() else {
        panic!("no image")
    };
    let attachment = attached::find(&client, runtime.handle(), &reference, &image)
        .unwrap()
        .unwrap();
    assert_eq!(attachment.document, document.as_bytes());
    let by_sbom = scan::inspect_attached(&image, &attachment, &Options::default()).unwrap();
    assert_eq!(packages(&by_sbom), packages(&found));
}
