//! Layers laid over each other.

use super::layer::LayerBuilder;
use rampart_model::{
    package::{Package, PackageKind},
    scan::{PrivilegedFile, Secret},
};
use rampart_vuln::{
    analyze::{FileFacts, LayerFacts, path_hash},
    merge::{Artifact, merge},
};

const STATUS: &str = "var/lib/dpkg/status";

fn layer() -> LayerBuilder {
    LayerBuilder::default()
}

/// `a=1 b=2` as dpkg would write them.
fn status(packages: &str) -> String {
    packages
        .split_whitespace()
        .filter_map(|one| one.split_once('='))
        .map(|(name, version)| {
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n")
        })
        .collect()
}

fn dpkg(packages: &str) -> LayerBuilder {
    layer().file(STATUS, status(packages))
}

fn npm(path: &str, name: &str) -> FileFacts {
    let mut package = Package::new(PackageKind::Npm, name, "1.0.0");
    package.path = path.to_owned();
    FileFacts {
        path: path.to_owned(),
        packages: vec![package],
        ..FileFacts::default()
    }
}

fn secret(path: &str, line: u32) -> FileFacts {
    FileFacts {
        path: path.to_owned(),
        secrets: vec![Secret {
            rule: "aws-key".to_owned(),
            path: path.to_owned(),
            line,
            ..Secret::default()
        }],
        ..FileFacts::default()
    }
}

fn setuid(path: &str, mode: u32) -> FileFacts {
    FileFacts {
        path: path.to_owned(),
        privileged: Some(PrivilegedFile {
            path: path.to_owned(),
            mode,
            ..PrivilegedFile::default()
        }),
        ..FileFacts::default()
    }
}

/// `name=version@layer` of what is left.
fn packages(artifact: &Artifact) -> String {
    let told = artifact.packages.iter().map(|package| {
        let layer = package.layer.expect("a layer");
        format!("{}={}@{layer}", package.name, package.version)
    });
    told.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(layers: Vec<LayerBuilder>, want: &str) -> Artifact {
    let layers: Vec<LayerFacts> = layers.into_iter().map(LayerBuilder::build).collect();
    let artifact = merge(layers);
    assert_eq!(packages(&artifact), want);
    artifact
}

#[test]
fn a_package_comes_from_the_first_layer_that_has_this_version_up_to_the_top() {
    check(vec![dpkg("a=1 b=1")], "a=1@0 b=1@0");
    check(
        vec![
            dpkg("a=1 b=1"),
            layer(),
            dpkg("a=1 b=2"),
            dpkg("a=1 b=2 c=1"),
        ],
        "a=1@0 b=2@2 c=1@3",
    );
    // Removed, and installed again.
    check(
        vec![dpkg("a=1 b=1"), dpkg("b=1"), dpkg("a=1 b=1")],
        "a=1@2 b=1@0",
    );
    // Upgraded, and back again.
    check(vec![dpkg("a=1"), dpkg("a=2"), dpkg("a=1")], "a=1@2");
    // The database itself deleted in between.
    check(
        vec![dpkg("a=1"), layer().whiteout(STATUS), dpkg("a=1")],
        "a=1@2",
    );
    check(vec![dpkg("a=1"), layer().whiteout(STATUS)], "");
}

#[test]
fn what_hides_a_file() {
    let path = "app/node_modules/x/package.json";
    let below = || layer().facts(npm(path, "x"));
    check(vec![below(), layer().file("app/other", "")], "x=1.0.0@0");
    check(vec![below(), layer().whiteout(path)], "");
    check(vec![below(), layer().whiteout("app/node_modules")], "");
    check(vec![below(), layer().whiteout("/app/")], "");
    check(vec![below(), layer().opaque("app")], "");
    check(vec![below(), layer().opaque("")], "");
    check(vec![below(), layer().opaque("app/node_modules/x")], "");
    // Another file in its place, and a file in the place of a folder above it.
    check(vec![below(), layer().file(path, "no package")], "");
    check(vec![below(), layer().file("app/node_modules", "")], "");
    // A folder in the place of the file; but a folder above it is only there again.
    check(vec![below(), layer().directory(path)], "");
    check(
        vec![below(), layer().directory("app/node_modules")],
        "x=1.0.0@0",
    );
    // Names that only begin alike.
    check(vec![below(), layer().whiteout("app/node_mod")], "x=1.0.0@0");
    check(
        vec![below(), layer().whiteout(&format!("{path}.bak"))],
        "x=1.0.0@0",
    );
    // A layer's own marks speak of the layers below it.
    check(
        vec![layer(), below().opaque("app").whiteout("app/node_modules")],
        "x=1.0.0@1",
    );
    // A layer below hides nothing of those above.
    check(vec![layer().whiteout("app"), below()], "x=1.0.0@1");
    // Emptied, and filled again in the same layer.
    check(
        vec![below(), layer().opaque("app").facts(npm(path, "x"))],
        "x=1.0.0@0",
    );
}

#[test]
fn a_file_written_again_keeps_its_package_in_the_first_layer() {
    let path = "app/node_modules/x/package.json";
    let other = "app/node_modules/y/package.json";
    check(
        vec![layer().facts(npm(path, "x")), layer().facts(npm(path, "x"))],
        "x=1.0.0@0",
    );
    // The same name and version elsewhere is another one.
    check(
        vec![
            layer().facts(npm(path, "x")),
            layer().whiteout("app").facts(npm(other, "x")),
        ],
        "x=1.0.0@1",
    );
}

#[test]
fn secrets_of_lower_layers_stay_with_a_mark() {
    let layers = vec![
        layer()
            .facts(secret("root/.aws", 3))
            .facts(secret("srv/key", 1)),
        layer().whiteout("root/.aws"),
        // Written again as it was: one secret, from the layer that brought it, still there.
        layer().facts(secret("srv/key", 1)),
        layer().facts(secret("late", 7)),
    ];
    let artifact = merge(layers.into_iter().map(LayerBuilder::build).collect());
    let told: Vec<_> = artifact
        .secrets
        .iter()
        .map(|s| (s.path.as_str(), s.layer, s.deleted_later))
        .collect();
    assert_eq!(
        told,
        [
            ("late", Some(3), false),
            ("root/.aws", Some(0), true),
            ("srv/key", Some(0), false),
        ]
    );
}

#[test]
fn privileged_files_are_those_of_the_end() {
    let layers = vec![
        layer()
            .facts(setuid("usr/bin/su", 0o4755))
            .facts(setuid("usr/bin/gone", 0o4755)),
        layer().file("usr/bin/gone", "plain now"),
        layer()
            .facts(setuid("usr/bin/su", 0o4755))
            .facts(setuid("usr/bin/new", 0o2755)),
    ];
    let artifact = merge(layers.into_iter().map(LayerBuilder::build).collect());
    let told: Vec<_> = artifact
        .privileged
        .iter()
        .map(|p| (p.path.as_str(), p.layer))
        .collect();
    assert_eq!(told, [("usr/bin/new", Some(2)), ("usr/bin/su", Some(0))]);
}

#[test]
fn a_language_package_in_a_file_that_dpkg_owns_is_marked() {
    let owned = "usr/share/nodejs/x/package.json";
    let list = format!("/.\n/usr\n/{owned}\n");
    let layers = vec![
        dpkg("node-x=1").file("var/lib/dpkg/info/node-x.list", &list),
        layer()
            .facts(npm(owned, "x"))
            .facts(npm("app/package.json", "y")),
    ];
    let artifact = merge(layers.into_iter().map(LayerBuilder::build).collect());
    let told: Vec<_> = artifact
        .packages
        .iter()
        .map(|p| (p.name.as_str(), p.owned_by_os))
        .collect();
    assert_eq!(told, [("node-x", false), ("x", true), ("y", false)]);

    // Removed by dpkg later, its list with it: the copy beside it is nobody's.
    let layers = vec![
        dpkg("node-x=1").file("var/lib/dpkg/info/node-x.list", &list),
        dpkg("z=1")
            .whiteout("var/lib/dpkg/info/node-x.list")
            .facts(npm(owned, "x")),
    ];
    let artifact = merge(layers.into_iter().map(LayerBuilder::build).collect());
    assert!(artifact.packages.iter().all(|p| !p.owned_by_os));
}

#[test]
fn the_distribution_is_that_of_the_end() {
    let layers = vec![
        layer().file("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n"),
        layer().file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    ];
    let artifact = merge(layers.into_iter().map(LayerBuilder::build).collect());
    assert_eq!(artifact.distro.unwrap().version, "12");
}

#[test]
fn problems_name_their_layer_and_are_told_of_deleted_files_too() {
    let mut lower = layer().file("lib/apk/db/installed", "P:x\n\n").build();
    lower.problems.push(rampart_model::scan::ScanProblem {
        path: "layer".to_owned(),
        reason: "cut short".to_owned(),
        layer: None,
    });
    let artifact = merge(vec![
        layer().build(),
        lower,
        layer().whiteout("lib").build(),
    ]);
    let told: Vec<_> = artifact
        .problems
        .iter()
        .map(|p| (p.path.as_str(), p.layer))
        .collect();
    assert_eq!(
        told,
        [("layer", Some(1)), ("lib/apk/db/installed", Some(1))]
    );
    assert!(
        artifact.problems[1]
            .reason
            .ends_with("(a later layer replaces or deletes it)")
    );
    assert!(
        artifact
            .without_layers()
            .problems
            .iter()
            .all(|p| p.layer.is_none())
    );
}

/// A folder of 40,000 packages under 60 layers that touch other files: time follows the sum of
/// entries, not the product with the layers.
#[test]
fn many_layers_and_many_packages() {
    let mut first = layer();
    for index in 0..40_000 {
        first = first.facts(npm(&format!("app/node_modules/p{index}/package.json"), "p"));
    }
    let mut layers = vec![first.build()];
    for number in 0..60 {
        let mut entries: Vec<u64> = (0..2_000)
            .map(|i| path_hash(&format!("v/{number}/{i}")))
            .collect();
        entries.sort_unstable();
        layers.push(LayerFacts {
            entries,
            ..LayerFacts::default()
        });
    }
    layers.push(layer().whiteout("app/node_modules/p7").build());
    let artifact = merge(layers);
    assert_eq!(artifact.packages.len(), 39_999);
    assert!(artifact.packages.iter().all(|p| p.layer == Some(0)));
}

/// A language package is in use by its own file or by one in its folder.
#[test]
fn language_packages_in_use() {
    let mut python = Package::new(PackageKind::Pypi, "numpy", "1.26");
    python.path = "usr/lib/python3/site-packages/numpy-1.26.dist-info/METADATA".to_owned();
    let mut program = Package::new(PackageKind::Golang, "stdlib", "1.22");
    program.path = "usr/local/bin/server".to_owned();
    let mut other = Package::new(PackageKind::Pypi, "flask", "3");
    other.path = "usr/lib/python3/site-packages/flask-3.dist-info/METADATA".to_owned();
    let mut packages = vec![python, program, other];
    let programs = rampart_vuln::in_use::Programs::default();
    let paths = [
        "/usr/local/bin/server",
        "/usr/lib/python3/site-packages/numpy/core/_multiarray.so",
    ];
    assert_eq!(
        rampart_vuln::in_use::mark(&mut packages, &programs, paths),
        2
    );
    assert_eq!(
        rampart_vuln::in_use::mark(&mut packages, &programs, paths),
        0
    );
    let used: Vec<bool> = packages.iter().map(|p| p.in_use).collect();
    assert_eq!(used, [true, true, false]);
}
