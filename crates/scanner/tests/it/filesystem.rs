//! Folders as they lie on a disk.

use crate::build::{DEBIAN, inspect, packages, status};
use rampart_model::scan::TargetKind;
use rampart_scanner::{
    scan::Inspected,
    source::{Source, filesystem::Tree},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

fn walk(root: &Path, kind: TargetKind) -> Inspected {
    inspect(Source::Tree(Tree::new(root, kind)))
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn a_root_file_system() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/os-release", DEBIAN);
    write(
        root.path(),
        "var/lib/dpkg/status",
        status(&[("bash", "5.2-1")]),
    );
    write(
        root.path(),
        "proc/1/cwd/var/lib/dpkg/status",
        status(&[("not", "1")]),
    );
    write(root.path(), "usr/bin/su", "x");
    fs::set_permissions(
        root.path().join("usr/bin/su"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    let found = walk(root.path(), TargetKind::Rootfs);
    assert_eq!(packages(&found), ["bash 5.2-1"]);
    assert_eq!(found.report.problems, []);
    assert_eq!(found.report.privileged.len(), 1);
    assert_eq!(found.report.distro.as_ref().unwrap().id, "debian");
}

/// Links in circles, links out of the root, pipes and sockets: nothing is followed, nothing hangs.
#[test]
fn links_and_special_files_are_harmless() {
    let outside = tempfile::tempdir().unwrap();
    write(
        outside.path(),
        "package.json",
        r#"{"name":"outside","version":"1.0.0"}"#,
    );
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        "app/package.json",
        r#"{"name":"inside","version":"1.0.0"}"#,
    );
    symlink(".", root.path().join("app/self")).unwrap();
    symlink("../app", root.path().join("app/up")).unwrap();
    symlink(outside.path(), root.path().join("escape")).unwrap();
    symlink(
        outside.path().join("package.json"),
        root.path().join("package.json"),
    )
    .unwrap();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    nix::unistd::mkfifo(
        &root.path().join("package-lock.json"),
        nix::sys::stat::Mode::S_IRUSR,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("yarn.lock")).unwrap();
    let found = walk(root.path(), TargetKind::Filesystem);
    assert_eq!(packages(&found), ["inside 1.0.0"]);
    assert_eq!(found.report.problems, []);
}

#[test]
fn deep_folders_end_somewhere() {
    let root = tempfile::tempdir().unwrap();
    let mut at = nix::dir::Dir::open(
        root.path(),
        nix::fcntl::OFlag::O_DIRECTORY,
        nix::sys::stat::Mode::empty(),
    )
    .unwrap();
    for _ in 0..600 {
        nix::sys::stat::mkdirat(&at, "d", nix::sys::stat::Mode::S_IRWXU).unwrap();
        at = nix::dir::Dir::openat(
            &at,
            "d",
            nix::fcntl::OFlag::O_DIRECTORY,
            nix::sys::stat::Mode::empty(),
        )
        .unwrap();
    }
    let found = walk(root.path(), TargetKind::Filesystem);
    assert_eq!(found.report.problems.len(), 1);
    assert!(found.report.problems[0].reason.contains("deep"));
}

#[test]
fn a_root_that_is_not_there() {
    let tree = Tree::new(Path::new("/nowhere/at/all"), TargetKind::Rootfs);
    let outcome = rampart_scanner::scan::inspect(
        Source::Tree(tree),
        &Default::default(),
        &rampart_scanner::scan::Silent,
    );
    assert!(outcome.unwrap_err().to_string().contains("/nowhere/at/all"));
}
