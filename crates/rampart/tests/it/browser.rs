//! The console in headless Chromium, against the real product with a real container.

use crate::harness::{PASSWORD, Server, node_lock};
use rampart_testkit::{Rootfs, RuncContainer, require};
use std::{path::Path, process::Command};

#[test]
fn the_console_works_in_a_browser() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    if !require("browser", &["runc", "chromium", "node"]) {
        return;
    }
    if !ui.join("node_modules").exists() || !ui.join("dist/index.html").exists() {
        eprintln!("skipped browser: the console is not built, run `make ui`");
        return;
    }
    let _one = node_lock();
    let root = tempfile::tempdir().unwrap();
    let rootfs = Rootfs::busybox(root.path().join("rootfs")).unwrap();
    let _web = RuncContainer::builder(&rootfs)
        .overlay()
        .label("com.docker.compose.service", "web")
        .label("com.docker.compose.project", "shop")
        .run()
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let output = Command::new("npm")
        .args([
            "run",
            "--silent",
            "e2e",
            "--",
            "--base",
            &server.console,
            "--user",
            "admin",
            "--password",
            PASSWORD,
        ])
        .current_dir(&ui)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
