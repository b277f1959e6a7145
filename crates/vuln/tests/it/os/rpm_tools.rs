//! Databases written by the real tools: rpm itself, and Berkeley DB's loader.
//!
//! `RAMPART_RPM` names another rpm, for instance one built with the NDB format.

use super::rpmdb::headers;
use rampart_model::package::Package;
use rampart_vuln::analyze::{path_hash, rpm};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// An absent tool is a printed reason, not a failure.
fn has(tool: &str) -> bool {
    let found = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        println!("skipped: no {tool} here");
    }
    found
}

fn setting(name: &str) -> Option<PathBuf> {
    std::env::vars_os()
        .find(|(known, _)| known == name)
        .map(|(_, value)| PathBuf::from(value))
}

fn rpm_program() -> String {
    let named = setting("RAMPART_RPM").and_then(|path| path.into_os_string().into_string().ok());
    named.unwrap_or_else(|| "rpm".to_owned())
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What rpm says of a root, in the words of [`told`].
fn queried(root: &Path, backend: &str) -> BTreeSet<String> {
    let format = "%{NAME} %|EPOCH?{%{EPOCH}}:{0}| %{VERSION}-%{RELEASE} %{ARCH} %{SOURCERPM} %{VENDOR} %{MODULARITYLABEL}\n";
    let text = run(Command::new(rpm_program())
        .arg("--root")
        .arg(root)
        .args(["--dbpath", "/var/lib/rpm", "--define"])
        .arg(format!("_db_backend {backend}"))
        .args(["-qa", "--qf", format]));
    text.lines().map(str::to_owned).collect()
}

fn told(package: &Package) -> String {
    let (epoch, version) = package
        .version
        .split_once(':')
        .unwrap_or(("0", &package.version));
    let source = package
        .source
        .as_ref()
        .map_or("(none)".to_owned(), |source| {
            let version = source.version.rsplit(':').next().unwrap();
            format!("{}-{version}.src.rpm", source.name)
        });
    let or_none = |text: &str| if text.is_empty() { "(none)" } else { text }.to_owned();
    let (vendor, module) = (or_none(&package.supplier), or_none(&package.module));
    format!(
        "{} {epoch} {version} {} {source} {vendor} {module}",
        package.name, package.arch
    )
}

fn build_packages(folder: &Path, count: usize) -> Vec<PathBuf> {
    for number in 0..count {
        let module = match number % 3 {
            0 => format!("ModularityLabel: mod:s{number}:8:abc:x86_64\n"),
            _ => String::new(),
        };
        let epoch = match number % 2 {
            0 => String::new(),
            _ => format!("Epoch: {number}\n"),
        };
        let spec = format!(
            "Name: pkg{number}\n{epoch}Version: 1.{number}\nRelease: 2.el9\nSummary: x\nLicense: MIT\nVendor: Us\n{module}\
             %description\n{}\n%install\nmkdir -p %{{buildroot}}/usr/bin %{{buildroot}}/usr/lib64\n\
             touch %{{buildroot}}/usr/bin/tool{number} %{{buildroot}}/usr/lib64/libtool{number}.so.1\n\
             %files\n/usr/bin/tool{number}\n/usr/lib64/libtool{number}.so.1\n",
            "words ".repeat(number * 300)
        );
        let path = folder.join(format!("{number}.spec"));
        fs::write(&path, spec).unwrap();
        run(Command::new("rpmbuild")
            .args(["-bb", "--quiet", "--target", "x86_64", "--define"])
            .arg(format!("_topdir {}", folder.display()))
            .args([
                "--define",
                "debug_package %{nil}",
                "--define",
                "_build_id_links none",
            ])
            .arg(path));
    }
    let built = fs::read_dir(folder.join("RPMS/x86_64")).unwrap();
    built.map(|entry| entry.unwrap().path()).collect()
}

/// False if this rpm does not know the format.
fn install(root: &Path, backend: &str, packages: &[PathBuf]) -> bool {
    let output = Command::new(rpm_program())
        .arg("--root")
        .arg(root)
        .args(["--dbpath", "/var/lib/rpm", "--define"])
        .arg(format!("_db_backend {backend}"))
        .args([
            "-i",
            "--justdb",
            "--nodeps",
            "--noscripts",
            "--ignorearch",
            "--nosignature",
        ])
        .args(packages)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("invalid %_db_backend") {
        println!("skipped: this rpm does not write {backend}");
        return false;
    }
    assert!(output.status.success(), "{backend}: {errors}");
    true
}

/// rpm's own database of its own packages, with some of them removed again.
#[test]
fn databases_that_rpm_wrote() {
    if !has("rpmbuild") || !has(&rpm_program()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let packages = build_packages(folder.path(), 12);
    for (backend, file) in [("sqlite", "rpmdb.sqlite"), ("ndb", "Packages.db")] {
        let root = folder.path().join(backend);
        fs::create_dir_all(&root).unwrap();
        if !install(&root, backend, &packages) {
            continue;
        }
        let path = root.join("var/lib/rpm").join(file);
        let database = rpm::parse(&fs::read(&path).unwrap());
        assert_eq!((database.broken, &database.fatal), (0, &None), "{backend}");
        let got: BTreeSet<String> = database.packages.iter().map(told).collect();
        assert_eq!(got, queried(&root, backend), "{backend}");
        assert_eq!(got.len(), 12);
        for owned in ["usr/bin/tool3", "usr/lib64/libtool11.so.1"] {
            assert!(
                database
                    .owned_paths
                    .binary_search(&path_hash(owned))
                    .is_ok(),
                "{owned}"
            );
        }
        // Free pages of what was removed are not read.
        run(Command::new(rpm_program())
            .arg("--root")
            .arg(&root)
            .args(["--dbpath", "/var/lib/rpm", "--define"])
            .arg(format!("_db_backend {backend}"))
            .args([
                "-e",
                "--justdb",
                "--nodeps",
                "--noscripts",
                "pkg11",
                "pkg2",
                "pkg5",
            ]));
        let database = rpm::parse(&fs::read(&path).unwrap());
        let got: BTreeSet<String> = database.packages.iter().map(told).collect();
        assert_eq!((got.len(), &database.fatal), (9, &None), "{backend}");
        assert_eq!(got, queried(&root, backend), "{backend}");
        println!("{backend}: as rpm tells it");
    }
}

/// The header in a package file is the one in a database, after its magic.
fn header_of(package: &Path) -> Vec<u8> {
    let bytes = fs::read(package).unwrap();
    let length = |at: usize| {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        16 + word(at + 8) * 16 + word(at + 12)
    };
    let start = (96 + length(96)).next_multiple_of(8);
    bytes[start + 8..start + length(start)].to_vec()
}

/// Text that `db_load -T` takes: key and value on a line each, bytes as `\xx`.
fn dump(blobs: &[Vec<u8>]) -> String {
    let escape = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|b| format!("\\{b:02x}"))
            .collect::<String>()
    };
    let count = u32::try_from(blobs.len()).unwrap();
    let mut text = format!("{}\n{}\n", escape(&[0; 4]), escape(&count.to_le_bytes()));
    for (key, blob) in (1_u32..).zip(blobs) {
        text.push_str(&format!(
            "{}\n{}\n",
            escape(&key.to_le_bytes()),
            escape(blob)
        ));
    }
    text
}

#[test]
fn databases_that_berkeley_db_wrote() {
    let loader = ["db5.3_load", "db_load"].into_iter().find(|tool| has(tool));
    let Some(loader) = loader else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut blobs = headers(200);
    if has("rpmbuild") {
        blobs.extend(
            build_packages(folder.path(), 4)
                .iter()
                .map(|path| header_of(path)),
        );
    }
    for settings in [
        &["db_pagesize=4096"][..],
        &["db_pagesize=512"],
        &["db_pagesize=65536"],
        &["db_lorder=4321", "db_pagesize=4096"],
    ] {
        let path = folder.path().join(format!("Packages{}", settings.concat()));
        let mut command = Command::new(loader);
        command.args(["-T", "-t", "hash"]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        let mut child = command.arg(&path).stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(dump(&blobs).as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
        let database = rpm::parse(&fs::read(&path).unwrap());
        assert_eq!(
            (database.broken, &database.fatal),
            (0, &None),
            "{settings:?}"
        );
        let names: BTreeSet<&str> = database.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(database.packages.len(), blobs.len(), "{settings:?}");
        assert_eq!(names.len(), blobs.len(), "{settings:?}");
    }
    println!("{} packages in four Berkeley DB files", blobs.len());
}

/// 120 packages of a real release, with epochs and modules, through rpm itself.
#[test]
#[ignore = "builds 120 packages: half a minute"]
fn a_real_release_as_rpm_tells_it() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let data = setting("RAMPART_REFERENCE")
        .unwrap_or_else(beside)
        .join("data/vuln");
    let (list, tool) = (
        data.join("alma9_120.list"),
        data.join("tools/mk_rpm_rootfs.py"),
    );
    if !list.exists() || !has("rpmbuild") || !has("python3") {
        println!("skipped: needs the reference data, rpmbuild and python3");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    // The list names no modules: every fourth package gets one.
    let lines = fs::read_to_string(list).unwrap();
    let labelled = lines.lines().enumerate().map(|(number, line)| {
        let plain = line.trim_end_matches(" -");
        match number % 4 {
            0 => format!("{plain} mod{number}:s1:8090:abc:x86_64\n"),
            _ => format!("{line}\n"),
        }
    });
    let list = root.path().join("list");
    fs::write(&list, labelled.collect::<String>()).unwrap();
    run(Command::new("python3")
        .arg(tool)
        .arg(&list)
        .arg(root.path()));
    let path = root.path().join("var/lib/rpm/rpmdb.sqlite");
    let database = rpm::parse(&fs::read(path).unwrap());
    assert_eq!((database.broken, &database.fatal), (0, &None));
    let got: BTreeSet<String> = database.packages.iter().map(told).collect();
    assert_eq!(got, queried(root.path(), "sqlite"));
    assert_eq!(database.packages.len(), lines.lines().count());
    let epochs = database
        .packages
        .iter()
        .filter(|p| p.version.contains(':'))
        .count();
    let modules = database
        .packages
        .iter()
        .filter(|p| !p.module.is_empty())
        .count();
    println!(
        "{} packages, {epochs} with an epoch, {modules} of a module",
        got.len()
    );
}
