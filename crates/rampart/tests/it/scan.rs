//! `rampart scan` as a pipeline runs it: exit codes, formats, what it prints where, and what it
//! does when a source hangs, lies or is not there.

use crate::{
    harness::{DEADLINE, rampart},
    registry::{DEBIAN, Registry, debian, status, tar, tracker},
};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

const OLD: &[(&str, &str)] = &[("openssl", "3.0.11-1")];
const FIXED: &[(&str, &str)] = &[("openssl", "3.0.14-1")];
/// Every format, and how its text begins.
const FORMATS: &[(&str, &str)] = &[
    ("table", ""),
    ("json", "{"),
    ("sarif", "{"),
    ("junit", "<?xml"),
    ("html", "<!"),
    ("trivy-json", "{"),
    ("cyclonedx", "{"),
    ("cyclonedx-1.5", "{"),
    ("spdx-json", "{"),
    ("spdx", "SPDXVersion:"),
    ("openvex", "{"),
];

/// A folder with a database of one CVE, a root file system, a project, an archive and an SBOM.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, content: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        put(
            "debian.json",
            &tracker("openssl", &[("CVE-2026-0001", "3.0.13-1")]),
        );
        put("root/etc/os-release", DEBIAN);
        put("root/var/lib/dpkg/status", &status(OLD));
        put("good/etc/os-release", DEBIAN);
        put("good/var/lib/dpkg/status", &status(FIXED));
        // What a host keeps that is not its own software.
        put(
            "root/var/lib/docker/overlay2/x/var/lib/dpkg/status",
            &status(&[("curl", "1")]),
        );
        put(
            "root/proc/1/root/package.json",
            r#"{"name":"proc","version":"1.0.0"}"#,
        );
        put(
            "project/package-lock.json",
            r#"{"name":"a","version":"1.0.0","lockfileVersion":3,"packages":{"node_modules/left-pad":{"version":"1.3.0"}}}"#,
        );
        fs::write(folder.path().join("broken.tar"), b"this is no archive").unwrap();
        let place = Self(folder);
        let built = place.run(&[
            "db",
            "build",
            "--feed",
            "debian=debian.json",
            "-o",
            "vuln.db",
            "-q",
        ]);
        assert!(built.status.success(), "{built:?}");
        let sbom = place.scan(&["rootfs", "root", "-f", "cyclonedx", "-o", "bom.json"]);
        assert!(sbom.status.success(), "{sbom:?}");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = rampart();
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env_remove("XDG_CACHE_HOME")
            .env("RAMPART_DATA", self.path().join("no-data"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// `rampart scan …` with the database, and without progress.
    fn scan(&self, args: &[&str]) -> Output {
        let mut all = vec!["scan"];
        all.extend_from_slice(args);
        all.extend(["--db", "vuln.db", "--allow-unsigned", "--no-progress"]);
        self.run(&all)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", printed(output), said(output));
    })
}

fn ids(report: &Value) -> Vec<&str> {
    let found = report["vulnerabilities"].as_array().unwrap();
    found.iter().map(|v| v["id"].as_str().unwrap()).collect()
}

/// A registry's archive on disk, as `docker save` writes it.
fn archive(layer: &[u8]) -> Vec<u8> {
    let digest = rampart_scanner::digest::sha256(layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"User":"1000","Healthcheck":{{"Test":["CMD","true"]}}}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}}}}"#
    );
    let manifest = r#"[{"Config":"config.json","RepoTags":["shop/web:1"],"Layers":["layer.tar"]}]"#;
    // A tar within a tar: its bytes are no text, so the entry is made by hand.
    let mut whole = tar(&[("config.json", &config), ("manifest.json", manifest)]);
    whole.truncate(whole.len() - 1024);
    let mut entry = tar(&[("layer.tar", "")]);
    entry.truncate(512);
    let size = format!("{:011o}", layer.len());
    entry[124..135].copy_from_slice(size.as_bytes());
    entry[148..156].copy_from_slice(b"        ");
    let sum: u32 = entry.iter().map(|byte| u32::from(*byte)).sum();
    entry[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    whole.extend_from_slice(&entry);
    whole.extend_from_slice(layer);
    whole.resize(whole.len().next_multiple_of(512) + 1024, 0);
    whole
}

#[test]
fn exit_codes() {
    let place = Place::new();
    fs::write(place.path().join("old.tar"), archive(&debian(OLD))).unwrap();
    fs::write(place.path().join("good.tar"), archive(&debian(FIXED))).unwrap();
    let layer = debian(OLD);
    fs::write(
        place.path().join("cut.tar"),
        archive(&layer[..layer.len() - 1100]),
    )
    .unwrap();
    let cases: &[(&str, u8)] = &[
        // Scanned, with or without findings.
        ("rootfs root", 0),
        ("rootfs good --exit-code 7", 0),
        ("rootfs root --exit-code 7", 7),
        ("rootfs root --exit-code 7 --severity critical", 0),
        ("rootfs root --exit-code 7 --severity high,critical", 7),
        ("rootfs root --fail-on high", 1),
        ("rootfs root --fail-on high --exit-code 9", 9),
        ("rootfs root --fail-on critical --exit-code 9", 0),
        ("rootfs root --exit-code 7 --scanners secret", 0),
        ("fs project --exit-code 7", 0),
        ("filesystem project", 0),
        ("sbom bom.json --exit-code 7", 7),
        ("host --root root --exit-code 7", 7),
        ("host --root good --exit-code 7", 0),
        ("image --input old.tar --exit-code 7", 7),
        ("image --input good.tar --exit-code 7", 0),
        // Wrong usage.
        ("", 2),
        ("nothing", 2),
        ("rootfs", 2),
        ("rootfs root --severity grave", 2),
        ("rootfs root --format yaml", 2),
        ("rootfs root --timeout soon", 2),
        ("rootfs root --platform linux/", 2),
        ("rootfs root --exit-code 300", 2),
        ("rootfs root --parallel 9", 2),
        ("image", 2),
        ("registry", 2),
        ("image x --password y", 2),
        // Could not be scanned.
        ("rootfs none", 4),
        ("fs none", 4),
        ("host --root none", 4),
        ("sbom none.json", 4),
        ("sbom debian.json", 4),
        ("sbom broken.tar", 4),
        ("image --input none.tar", 4),
        ("image --input broken.tar", 4),
        ("image --input root", 4),
        ("rootfs --pid 999999999", 4),
        ("rootfs root --vex none.json", 4),
        ("rootfs root --ignorefile none", 4),
        ("rootfs root --secret-config none", 4),
        ("rootfs root -o no/such/folder/x", 4),
        ("registry 127.0.0.1:9 --format sarif", 4),
        // In part; findings come first.
        ("image --input cut.tar", 5),
        ("image --input cut.tar --exit-code 7 --severity critical", 5),
    ];
    for (args, code) in cases {
        let args: Vec<&str> = args.split_whitespace().collect();
        let output = place.scan(&args);
        assert_eq!(
            output.status.code(),
            Some(i32::from(*code)),
            "scan {args:?}: {} {}",
            printed(&output),
            said(&output)
        );
        if *code == 2 || *code == 4 {
            assert!(!said(&output).is_empty(), "{args:?} fails without a word");
            assert!(
                !said(&output).contains("panicked"),
                "{args:?}: {}",
                said(&output)
            );
        }
    }
    let without = place.run(&["scan", "rootfs", "root", "--no-progress"]);
    assert_eq!(without.status.code(), Some(5), "{}", said(&without));
    assert!(said(&without).contains("rampart db update"));
    let sbom = place.run(&["scan", "rootfs", "root", "-f", "spdx"]);
    assert_eq!(sbom.status.code(), Some(0), "an SBOM needs no database");
}

#[test]
fn every_source_in_every_format() {
    let place = Place::new();
    fs::write(place.path().join("old.tar"), archive(&debian(OLD))).unwrap();
    let sources: &[(&[&str], &str)] = &[
        (&["rootfs", "root"], "openssl"),
        (&["fs", "project"], "left-pad"),
        (&["sbom", "bom.json"], "openssl"),
        (&["host", "--root", "root"], "openssl"),
        (&["image", "--input", "old.tar"], "openssl"),
    ];
    for (source, package) in sources {
        for (format, head) in FORMATS {
            let mut args = source.to_vec();
            args.extend(["-f", format, "--list-all-pkgs"]);
            let output = place.scan(&args);
            let text = printed(&output);
            assert!(output.status.success(), "{args:?}: {}", said(&output));
            assert!(said(&output).is_empty(), "{args:?}: {}", said(&output));
            assert!(text.starts_with(head), "{args:?}: {text}");
            if *head == "{" {
                serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{args:?}: {e}"));
            }
            // OpenVEX and the test formats speak of vulnerabilities only.
            let names = !["openvex", "sarif", "junit"].contains(format) || *package == "openssl";
            assert!(
                !names || text.contains(package),
                "{args:?} names no {package}: {text}"
            );
            args.extend(["-o", "report"]);
            let written = place.scan(&args);
            assert!(
                written.status.success() && written.stdout.is_empty(),
                "{args:?}"
            );
            let file = fs::read_to_string(place.path().join("report")).unwrap();
            assert_eq!(file.lines().count(), text.lines().count(), "{args:?}");
        }
    }
}

#[test]
fn a_host_is_its_own_software_and_not_what_it_keeps() {
    let place = Place::new();
    let report = json(&place.scan(&["host", "--root", "root", "-f", "json"]));
    assert_eq!(report["target"]["kind"], "host");
    assert_eq!(ids(&report), ["CVE-2026-0001"]);
    let names: Vec<&str> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["openssl"], "neither containers nor /proc");
    let env = place
        .command(&[
            "scan",
            "host",
            "-f",
            "json",
            "--db",
            "vuln.db",
            "--allow-unsigned",
        ])
        .env("RAMPART_HOST_ROOT", place.path().join("root"))
        .output()
        .unwrap();
    assert_eq!(
        ids(&json(&env)),
        ["CVE-2026-0001"],
        "the mounted root of a pod"
    );
}

/// Three repositories and five tags, a page at a time, one of them without an image.
fn shop() -> Registry {
    let registry = Registry::start();
    registry.push("shop/api", "1", &[debian(OLD)]);
    registry.push("shop/web", "1", &[debian(OLD)]);
    registry.push("shop/web", "2", &[debian(FIXED)]);
    registry.push("shop/web", "edge", &[debian(FIXED)]);
    registry.push("other/tool", "1", &[tar(&[("a", "b")])]);
    registry
}

fn names(output: &Output) -> Vec<String> {
    let reports = json(output);
    let one = |report: &Value| {
        let target = &report["target"];
        format!(
            "{}:{}",
            target["repository"].as_str().unwrap(),
            target["tag"].as_str().unwrap()
        )
    };
    reports.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_registry_is_scanned_by_its_filters() {
    let (place, registry) = (Place::new(), shop());
    let host = registry.address.to_string();
    let all = [
        "other/tool:1",
        "shop/api:1",
        "shop/web:1",
        "shop/web:2",
        "shop/web:edge",
    ];
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &all),
        (&["--repo", "shop/*"], &all[1..]),
        (&["--repo", "shop/web", "--tag", "1,2"], &all[2..4]),
        (&["--repo", "shop/*,other/*", "--tag", "e*"], &all[4..]),
        (&["--limit", "2"], &all[..2]),
        (&["--repo", "none/*"], &[]),
    ];
    for (args, expected) in cases {
        let mut whole = vec!["registry", &host, "-f", "json"];
        whole.extend_from_slice(args);
        let output = place.scan(&whole);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", said(&output));
        assert_eq!(names(&output), *expected, "{args:?}");
    }
    assert!(registry.asked("_catalog?") > 1, "in pages");
    let table = place.scan(&["registry", &host, "--repo", "shop/web", "--exit-code", "7"]);
    assert_eq!(table.status.code(), Some(7), "{}", said(&table));
    let text = printed(&table);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0][..4], ["IMAGE", "PACKAGES", "CRITICAL", "HIGH"]);
    assert_eq!(
        rows[1],
        [&registry.name("shop/web:1"), "1", "0", "1", "0", "0", "0"]
    );
    assert_eq!(
        rows[2],
        [&registry.name("shop/web:2"), "1", "0", "0", "0", "0", "0"]
    );
    assert_eq!(rows.len(), 4);
}

#[test]
fn an_image_that_fails_does_not_stop_the_others() {
    let (place, registry) = (Place::new(), shop());
    let host = registry.address.to_string();
    registry.push_nothing("shop/api", "gone");
    registry.push_document("broken/json", "1", b"{".to_vec());
    let output = place.scan(&["registry", &host, "-f", "json"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert_eq!(names(&output).len(), 5);
    for what in ["shop/api:gone", "broken/json:1"] {
        assert!(said(&output).contains(what), "{}", said(&output));
    }
    let output = place.scan(&["registry", &host, "--exit-code", "7"]);
    assert_eq!(output.status.code(), Some(7), "findings come first");
    let output = place.scan(&[
        "registry",
        &host,
        "--repo",
        "shop/web,no/such",
        "-f",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert_eq!(names(&output).len(), 3);
    assert!(said(&output).contains("no/such"), "{}", said(&output));
    for (args, why) in [
        (
            ["registry", &host, "--repo", "broken/json"],
            "nothing could be",
        ),
        (
            ["registry", "127.0.0.1:9", "--repo", "a/b"],
            "nobody listens",
        ),
        (["registry", "127.0.0.1:9", "--limit", "3"], "nobody lists"),
    ] {
        let output = place.scan(&args);
        assert_eq!(output.status.code(), Some(4), "{why}: {}", said(&output));
    }
    registry.wants("Basic bm9ib2R5");
    let output = place.scan(&["registry", &host]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let words = "wants a user name and a password";
    assert!(said(&output).contains(words), "{}", said(&output));
}

#[test]
fn a_platform_that_is_not_there_names_those_that_are() {
    let (place, registry) = (Place::new(), Registry::start());
    let arches = [("amd64", debian(OLD)), ("arm64", debian(FIXED))];
    registry.push_platforms("shop/web", "1", &arches);
    let name = registry.name("shop/web:1");
    let scan = |platform: &str| {
        let args = ["image", "--image-src", "remote", &name, "-f", "json"];
        place.scan(&[&args[..], &["--platform", platform]].concat())
    };
    assert_eq!(ids(&json(&scan("linux/amd64"))), ["CVE-2026-0001"]);
    assert!(ids(&json(&scan("linux/arm64"))).is_empty());
    let output = scan("linux/s390x");
    assert_eq!(output.status.code(), Some(4));
    for word in ["linux/s390x", "linux/amd64", "linux/arm64"] {
        assert!(said(&output).contains(word), "no {word}: {}", said(&output));
    }
}

#[test]
fn time_ends_while_a_layer_is_pulled() {
    let (place, registry) = (Place::new(), Registry::start());
    let made = registry.push("shop/web", "1", &[debian(OLD)]);
    registry.hold(&made.layers[0]);
    let name = registry.name("shop/web:1");
    let output = place.scan(&["image", "--image-src", "remote", &name, "--timeout", "1s"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(said(&output).contains("--timeout"), "{}", said(&output));
    assert!(output.stdout.is_empty());
    let host = registry.address.to_string();
    let output = place.scan(&["registry", &host, "--timeout", "1s"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    registry.let_go();
}

/// A pipe that stalls: `docker save … | rampart scan image --input -`.
#[test]
fn time_ends_while_standard_input_stalls() {
    let place = Place::new();
    let whole = archive(&debian(OLD));
    let mut child = place
        .command(&[
            "scan",
            "image",
            "--input",
            "-",
            "--timeout",
            "1s",
            "--no-progress",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&whole[..whole.len() / 2]).unwrap();
    pipe.flush().unwrap();
    let output = ended(child);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("--timeout"), "{}", said(&output));
    drop(pipe);
}

/// Its output once it has ended; killed and failed if it does not.
fn ended(mut child: Child) -> Output {
    let done = rampart_testkit::wait_until(DEADLINE, || child.try_wait().unwrap().is_some());
    if !done {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(done, "it did not end: {}", said(&output));
    output
}

#[test]
fn nothing_but_an_image_asks_the_network() {
    let place = Place::new();
    fs::write(place.path().join("old.tar"), archive(&debian(OLD))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let sources: &[&[&str]] = &[
        &["rootfs", "root"],
        &["fs", "project"],
        &["sbom", "bom.json"],
        &["host", "--root", "root"],
        &["image", "--input", "old.tar"],
    ];
    for offline in [&["--offline"][..], &[]] {
        for source in sources {
            let args = [
                &["scan"],
                *source,
                &["--db", "vuln.db", "--allow-unsigned"],
                offline,
            ]
            .concat();
            let mut command = place.command(&args);
            for name in [
                "HTTP_PROXY",
                "HTTPS_PROXY",
                "ALL_PROXY",
                "http_proxy",
                "https_proxy",
                "all_proxy",
            ] {
                command.env(name, &proxy);
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", said(&output));
            let nobody = listener.accept().unwrap_err();
            assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{args:?}");
        }
    }
}

/// `--offline` had no effect.
#[test]
fn offline_asks_no_registry() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let name = format!("{address}/shop/web:1");
    let sources: &[&[&str]] = &[
        &["image", "--image-src", "remote", &name],
        &["image", "--attach-sbom", &name],
        &["registry", &address],
    ];
    for source in sources {
        let args = [&["scan"], *source, &["--offline"]].concat();
        let output = place.command(&args).output().unwrap();
        assert!(!output.status.success(), "{args:?}");
        assert!(said(&output).contains("--offline"), "{}", said(&output));
        let nobody = listener.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{args:?}");
    }
}

/// Facts of a layer are kept by digest: the second run reads none of it again.
#[test]
fn a_second_scan_pulls_no_layer() {
    let (place, registry) = (Place::new(), Registry::start());
    let made = registry.push("shop/web", "1", &[debian(OLD)]);
    let name = registry.name("shop/web:1");
    let cache: PathBuf = place.path().join("cache");
    let cache = cache.to_str().unwrap();
    for _ in 0..2 {
        let args = [
            "image",
            "--image-src",
            "remote",
            &name,
            "-f",
            "json",
            "--cache-dir",
            cache,
        ];
        assert_eq!(ids(&json(&place.scan(&args))), ["CVE-2026-0001"]);
    }
    assert_eq!(registry.asked(&made.layers[0]), 1);
    let args = ["image", "--image-src", "remote", &name, "--no-cache"];
    assert!(place.scan(&args).status.success());
    assert_eq!(registry.asked(&made.layers[0]), 2);
}
