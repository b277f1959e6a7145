//! The reference's routes around a rule: programs that may not run, files that may not be read or
//! written, each tried in a container of a group in Protect.
//!
//! Limits: routes over loopback are left out, because loopback traffic is never judged.

use super::{LINE, Line, lines, names, ready, told, wait_told, watched};
use crate::{
    attacks::switch,
    harness::{Server, node_lock},
};
use rampart_testkit::{Rootfs, RuncContainer};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Runs the line and says what came through; what it writes is judged from outside as well.
const SCRIPT: &str = r#"
ip link set lo up
cd /opt/run
( eval "$CMD" ) > /tmp/out 2> /tmp/err
case "$KIND" in
read) grep -aq SECRET /tmp/out && echo CAME-THROUGH ;;
*) grep -aq HIT /tmp/out && echo CAME-THROUGH ;;
esac
read -r now < /opt/prot/f
case "$now" in *HIT*) echo CAME-THROUGH ;; esac
head -c 120 /tmp/err
"#;

/// Routes that the tier cannot hold, each with the reason.
const NOT_HELD: &[(&str, &str)] = &[
    (
        "H10",
        "mounted elsewhere: new mounts of a container carry no mark",
    ),
    (
        "H11",
        "mounted elsewhere: new mounts of a container carry no mark",
    ),
    ("H31", "code that is mapped is not asked about"),
    ("H32", "code that is mapped is not asked about"),
    ("H34", "code that is mapped is not asked about"),
    ("H37", "a script that an allowed shell reads is data"),
    ("H38", "machine code that an allowed program reads is data"),
    ("H64", "renames are told, not refused"),
    ("H65", "renames are told, not refused"),
    ("H79", "mounts are told, not refused"),
    ("H80", "mounts are told, not refused"),
    ("H82", "changes of attributes are told, not refused"),
];

struct Stage {
    image: TempDir,
    volume: PathBuf,
    scratch: TempDir,
    root: Rootfs,
}

fn build(folder: &Path, out: &Path, arguments: &[&str]) {
    let built = Command::new("cc")
        .current_dir(folder.join("harness"))
        .args(["-O1", "-w", "-o"])
        .arg(out)
        .args(arguments)
        .status()
        .unwrap();
    assert!(built.success(), "{arguments:?} does not compile");
}

impl Stage {
    fn new(folder: &Path) -> Self {
        let image = tempfile::Builder::new().tempdir_in("/dev/shm").unwrap();
        let at = |inside: &str| image.path().join(inside);
        for inside in ["opt/deny", "opt/prot", "opt/run"] {
            fs::create_dir_all(at(inside)).unwrap();
        }
        build(folder, &at("opt/run/h2"), &["-pthread", "h2.c"]);
        build(folder, &at("opt/deny/x"), &["x.c"]);
        build(folder, &at("opt/deny/xs"), &["-static", "x.c"]);
        build(folder, &at("opt/deny/x.so"), &["-shared", "-fPIC", "xso.c"]);
        let object = at("opt/run/sc.o");
        build(folder, &object, &["-c", "sc.s"]);
        let flat = Command::new("objcopy")
            .args(["-O", "binary", "-j", ".text"])
            .args([&object, &at("opt/deny/sc")])
            .status()
            .unwrap();
        assert!(flat.success());
        fs::remove_file(object).unwrap();
        fs::write(at("opt/deny/s.sh"), "#!/bin/sh\necho HIT\n").unwrap();
        for name in ["x", "xs", "x.so", "sc", "s.sh"] {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(at("opt/deny").join(name), mode).unwrap();
        }
        fs::write(at("opt/run/script"), SCRIPT).unwrap();
        let volume = image.path().join("volume");
        fs::create_dir_all(volume.join("prot")).unwrap();
        for dir in [at("opt/prot"), volume.join("prot")] {
            fs::write(dir.join("f"), "original\n").unwrap();
            fs::write(dir.join("s"), "SECRET\n").unwrap();
        }
        Self {
            image,
            volume,
            scratch: tempfile::Builder::new().tempdir_in("/dev/shm").unwrap(),
            root: Rootfs::existing("/"),
        }
    }

    fn container(&self, line: &Line) -> RuncContainer {
        RuncContainer::builder(&self.root)
            .id(rampart_testkit::unique_name(&format!(
                "corpus-{}",
                line.id.to_lowercase()
            )))
            .overlay()
            .scratch(self.scratch.path())
            .layer(self.image.path())
            .tmpfs("/tmp")
            .mount(&self.volume, "/optv", false)
            .label("com.docker.compose.service", "web")
            .label("com.docker.compose.project", "shop")
            .env(&format!("CMD={}", line.command))
            .env(&format!("KIND={}", line.context))
            .args(["/bin/bash", "/opt/run/script"])
            .privileged()
            .create()
            .unwrap()
    }

    /// Whether the route came through, what was said, and the container's id.
    fn try_route(&self, line: &Line) -> (bool, String, String) {
        let container = self.container(line);
        let id = container.id().to_owned();
        let _ = container.start();
        container.wait_stopped(LINE);
        let said = container.log();
        let upper = container.bundle().join("upper/opt/prot/f");
        let changed = |path: PathBuf| fs::read(path).is_ok_and(|text| text != b"original\n");
        let written =
            line.context == "write" && (changed(upper) || changed(self.volume.join("prot/f")));
        fs::write(self.volume.join("prot/f"), "original\n").unwrap();
        let through = said.contains("CAME-THROUGH") || written;
        (through, said.replace('\n', " "), id)
    }
}

fn deny(server: &Server) {
    let rules = json!([
        {"name": "*", "path": "/opt/deny/*", "action": "deny"},
        {"name": "*", "path": "*", "action": "allow"},
    ]);
    server.patch(
        "/v1/process_profile/nv.web.shop",
        json!({"process_profile_config": {"group": "nv.web.shop", "process_change_list": rules,
            "baseline": "zero-drift"}}),
    );
    let filters: Vec<_> = ["/opt/prot/*", "/optv/prot/*"]
        .iter()
        .map(|filter| json!({"filter": filter, "recursive": true, "behavior": "block_access", "applications": []}))
        .collect();
    server.patch(
        "/v1/file_monitor/nv.web.shop",
        json!({"config": {"add_filters": filters}}),
    );
}

#[test]
fn routes_around_a_rule_are_held() {
    let Some(folder) = ready("corpus::routes_around_a_rule_are_held") else {
        return;
    };
    let _one = node_lock();
    let data = tempfile::tempdir().unwrap();
    let stage = Stage::new(&folder);
    let server = watched(&data, &super::Ground::new(&folder));
    deny(&server);
    switch(&server, "Protect");
    let mut open = Vec::new();
    let mut rows = Vec::new();
    for line in lines(&folder.join("hostile.tsv")) {
        if line.context == "net" {
            continue;
        }
        let (through, said, id) = stage.try_route(&line);
        if through {
            open.push(line.id.clone());
        }
        rows.push((line, through, said, id));
    }
    let last = rows.last().map(|(.., id)| id.clone());
    wait_told(&server, last.as_deref());
    let all = told(&server);
    for (line, through, said, id) in &rows {
        let names = all.get(id).map(|names_of| {
            let one = super::Told::from([(id.clone(), names_of.clone())]);
            names(&one)
        });
        let shown: Vec<String> = names.into_iter().flatten().map(|(name, _)| name).collect();
        let state = if *through { "OPEN" } else { "held" };
        println!(
            "{}\t{state}\t{}\t{}\t[{said}]",
            line.id,
            line.context,
            shown.join("; ")
        );
    }
    println!("{} routes, {} open", rows.len(), open.len());
    open.retain(|id| !NOT_HELD.iter().any(|(known, _)| known == id));
    assert!(open.is_empty(), "{open:?}");
}
