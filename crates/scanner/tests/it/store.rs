//! Images out of daemons' sockets and containerd's store.

use crate::build::{TWO_LAYERS, inspect, packages, two_layers, with_cache};
use rampart_scanner::{
    digest::sha256,
    scan::{self, Silent},
    source::{SourceError, containerd, docker, layout::Choice},
    stop::Stop,
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Answers as Docker's daemon does to HTTP/1.0: the body until the connection ends.
fn daemon(socket: &Path, saved: Arc<AtomicUsize>) {
    let listener = UnixListener::bind(socket).unwrap();
    let image = two_layers();
    let id = sha256(&image.config());
    let archive = image.docker_archive("app:1");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            for line in reader.lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
            }
            let mut stream = stream;
            let path = first.split(' ').nth(1).unwrap_or_default();
            let body = match path {
                "/images/app:1/json" => Some(
                    json!({"Id": id, "RepoTags": ["app:1"]})
                        .to_string()
                        .into_bytes(),
                ),
                "/images/app:1/get" => {
                    saved.fetch_add(1, Ordering::Relaxed);
                    Some(archive.clone())
                }
                _ => None,
            };
            let status = if body.is_some() {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let _ = write!(stream, "HTTP/1.0 {status}\r\nContent-Type: x\r\n\r\n");
            let _ = stream.write_all(&body.unwrap_or_default());
        }
    });
}

#[test]
fn a_daemon_saves_an_image_once() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let socket = folder.path().join("d.sock");
    let saved = Arc::new(AtomicUsize::new(0));
    daemon(&socket, Arc::clone(&saved));
    let options = with_cache(cache.path());
    let scan = || {
        scan::inspect(
            docker::open(&socket, "app:1", &Stop::never()).unwrap(),
            &options,
            &Silent,
        )
        .unwrap()
    };
    let cold = scan();
    assert_eq!(
        (packages(&cold), cold.report.target.name.as_str()),
        (TWO_LAYERS.map(str::to_owned).to_vec(), "app:1")
    );
    let mut warm = scan();
    assert_eq!((saved.load(Ordering::Relaxed), warm.cached_layers), (1, 2));
    warm.report.scanned_at = cold.report.scanned_at;
    assert_eq!(warm.report, cold.report);
    assert!(matches!(
        docker::open(&socket, "none", &Stop::never()).err(),
        Some(SourceError::NoSuchImage { .. })
    ));
    assert!(matches!(
        docker::open(&folder.path().join("x"), "app:1", &Stop::never()).err(),
        Some(SourceError::Read { .. })
    ));
}

enum Value<'a> {
    Bucket(Vec<(&'a str, Value<'a>)>),
    Bytes(&'a [u8]),
}

/// A leaf page of bbolt, with buckets inside of it.
fn leaf(entries: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut page = vec![0; 16 + 16 * entries.len()];
    page[8..10].copy_from_slice(&2u16.to_le_bytes());
    page[10..12].copy_from_slice(&u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (index, (key, value)) in entries.iter().enumerate() {
        let (flags, value) = match value {
            Value::Bytes(bytes) => (0u32, bytes.to_vec()),
            Value::Bucket(inner) => (1, [vec![0; 16], leaf(inner)].concat()),
        };
        let at = 16 + 16 * index;
        let position = u32::try_from(page.len() - at).unwrap();
        let sizes = [
            flags,
            position,
            u32::try_from(key.len()).unwrap(),
            u32::try_from(value.len()).unwrap(),
        ];
        for (field, number) in sizes.iter().enumerate() {
            page[at + 4 * field..at + 4 * field + 4].copy_from_slice(&number.to_le_bytes());
        }
        page.extend_from_slice(key.as_bytes());
        page.extend_from_slice(&value);
    }
    page
}

/// Two meta pages, the newer of them second, an empty one, and the root.
fn bolt(entries: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for transaction in [6u64, 7] {
        let mut page = vec![0u8; 4096];
        page[8..10].copy_from_slice(&4u16.to_le_bytes());
        page[16..20].copy_from_slice(&0xED0C_DAEDu32.to_le_bytes());
        page[20..24].copy_from_slice(&2u32.to_le_bytes());
        page[24..28].copy_from_slice(&4096u32.to_le_bytes());
        page[32..40].copy_from_slice(&(if transaction == 7 { 3u64 } else { 2 }).to_le_bytes());
        page[64..72].copy_from_slice(&transaction.to_le_bytes());
        let sum = page[16..72]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        page[72..80].copy_from_slice(&sum.to_le_bytes());
        file.extend(page);
    }
    file.extend([0; 4096]);
    let mut root = leaf(entries);
    root.resize(root.len().next_multiple_of(4096), 0);
    let more = u32::try_from(root.len() / 4096 - 1).unwrap();
    root[12..16].copy_from_slice(&more.to_le_bytes());
    file.extend(root);
    file
}

fn store(root: &Path) -> Vec<u8> {
    let image = two_layers();
    image.write_layout(&root.join("io.containerd.content.v1.content"), "x");
    let digest = sha256(&image.manifest());
    let file = bolt(&[(
        "v1",
        Value::Bucket(vec![
            (
                "default",
                Value::Bucket(vec![("labels", Value::Bytes(b"x"))]),
            ),
            (
                "k8s.io",
                Value::Bucket(vec![(
                    "images",
                    Value::Bucket(vec![(
                        "docker.io/library/app:1",
                        Value::Bucket(vec![(
                            "target",
                            Value::Bucket(vec![("digest", Value::Bytes(digest.as_bytes()))]),
                        )]),
                    )]),
                )]),
            ),
        ]),
    )]);
    let folder = root.join("io.containerd.metadata.v1.bolt");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("meta.db"), &file).unwrap();
    file
}

fn choice(name: &str) -> Choice {
    Choice {
        name: name.into(),
        ..Choice::default()
    }
}

#[test]
fn containerd_without_its_daemon() {
    let root = tempfile::tempdir().unwrap();
    store(root.path());
    let found = inspect(containerd::open(root.path(), &choice("app:1")).unwrap());
    assert_eq!(
        (packages(&found), found.report.target.name.as_str()),
        (
            TWO_LAYERS.map(str::to_owned).to_vec(),
            "docker.io/library/app:1"
        )
    );
    assert!(matches!(
        containerd::open(root.path(), &choice("app:2")).err(),
        Some(SourceError::NoSuchImage { .. })
    ));
    // Layers discarded after unpacking.
    let layer = sha256(&two_layers().layers[0].0);
    std::fs::remove_file(
        root.path()
            .join("io.containerd.content.v1.content/blobs/sha256")
            .join(&layer[7..]),
    )
    .unwrap();
    assert!(matches!(
        containerd::open(root.path(), &choice("app:1")).err(),
        Some(SourceError::Missing { .. })
    ));
}

/// Every byte of the file wrong in turn: an error or another answer, never a panic.
#[test]
fn damaged_name_databases() {
    let root = tempfile::tempdir().unwrap();
    let file = store(root.path());
    let path = root.path().join("io.containerd.metadata.v1.bolt/meta.db");
    for at in (0..80)
        .chain(4096..4176)
        .chain(12288..file.len().min(13_000))
    {
        let mut bad = file.clone();
        bad[at] ^= 0xff;
        std::fs::write(&path, bad).unwrap();
        let _ = containerd::open(root.path(), &choice("app:1"));
    }
    for length in [0, 10, 4096, 5000, 12_288, 12_400] {
        std::fs::write(&path, &file[..length]).unwrap();
        assert!(
            containerd::open(root.path(), &choice("app:1")).is_err(),
            "{length}"
        );
    }
}

/// containerd itself, with folders of its own.
#[test]
fn containerd_as_it_writes() {
    let tools = ["containerd", "ctr"]
        .iter()
        .all(|tool| Path::new("/usr/bin").join(tool).is_file());
    let root_user = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !tools || !root_user {
        eprintln!("skipped: needs root, containerd and ctr (scripts/setup.sh test)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let config = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let mut daemon = std::process::Command::new("containerd")
        .args(["--config", &at("config.toml")])
        .args([
            "--root",
            &at("root"),
            "--state",
            &at("state"),
            "--address",
            &at("c.sock"),
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::fs::write(
        folder.path().join("a.tar"),
        two_layers().oci_archive("docker.io/library/app:1"),
    )
    .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let (mut imported, mut said) = (false, String::new());
    while !imported && std::time::Instant::now() < deadline {
        let outcome = std::process::Command::new("ctr")
            .args([
                "--address",
                &at("c.sock"),
                "--namespace",
                "k8s.io",
                "images",
                "import",
                "--no-unpack",
                &at("a.tar"),
            ])
            .output()
            .unwrap();
        imported = outcome.status.success();
        said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    }
    // While the daemon holds its lock.
    let found = containerd::open(Path::new(&at("root")), &choice("app:1")).map(inspect);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(imported, "{said}");
    assert_eq!(packages(&found.unwrap()), TWO_LAYERS);
}
