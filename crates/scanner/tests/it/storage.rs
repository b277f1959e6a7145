//! Images out of stores as they lie on the disk: Podman's (overlay and vfs) and Docker's data
//! folder, made here in their formats; and Podman's own, where it is installed.

use crate::build::{ImageBuilder, TWO_LAYERS, gzip, inspect, packages, two_layers};
use base64::{Engine, engine::general_purpose::STANDARD};
use rampart_scanner::{
    digest::sha256,
    scan::{self, Options, Silent, chain},
    source::{Source, SourceError, docker_root, layout::Choice, storage},
};
use rampart_vuln::layer::parse_header;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn named(name: &str) -> Choice {
    Choice {
        name: name.into(),
        ..Choice::default()
    }
}

fn put(path: PathBuf, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Lays a layer's files out in a folder, and gives the frame that holds the rest of its tar.
fn split(tar: &[u8], folder: &Path) -> Vec<u8> {
    let (mut lines, mut raw, mut at) = (Vec::new(), Vec::new(), 0);
    let flush = |raw: &mut Vec<u8>, lines: &mut Vec<Value>| {
        if !raw.is_empty() {
            lines.push(
                json!({"type": 2, "payload": STANDARD.encode(&*raw), "position": lines.len()}),
            );
            raw.clear();
        }
    };
    fs::create_dir_all(folder).unwrap();
    while at < tar.len() {
        let block: &[u8; 512] = tar[at..at + 512].try_into().unwrap();
        raw.extend_from_slice(block);
        at += 512;
        let Ok(header) = parse_header(block) else {
            continue;
        };
        let size = usize::try_from(header.size).unwrap();
        let name = String::from_utf8_lossy(&header.name).into_owned();
        let regular = matches!(header.kind, b'0' | 0) && size > 0;
        flush(&mut raw, &mut lines);
        if regular {
            put(folder.join(&name), &tar[at..at + size]);
        }
        lines.push(json!({"type": 1, "name": name, "size": size, "payload": "AAAAAAAAAAA=", "position": lines.len()}));
        raw.extend_from_slice(&tar[at + size..at + size.next_multiple_of(512)]);
        at += size.next_multiple_of(512);
    }
    flush(&mut raw, &mut lines);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    gzip(text.as_bytes())
}

fn id(text: &str) -> String {
    sha256(text.as_bytes()).replace("sha256:", "")
}

/// A store of Podman with one image, as its library writes it.
fn podman(root: &Path, driver: &str, image: &ImageBuilder, plain: &[Vec<u8>]) {
    let config = image.config();
    let image_id = sha256(&config).replace("sha256:", "");
    let mut layers = Vec::new();
    for (at, tar) in plain.iter().enumerate() {
        let layer = id(&format!("layer {at}"));
        let files = match driver {
            "vfs" => root.join("vfs/dir").join(&layer),
            driver => root.join(driver).join(&layer).join("diff"),
        };
        let frame = split(tar, &files);
        put(
            root.join(format!("{driver}-layers/{layer}.tar-split.gz")),
            frame,
        );
        let mut row = json!({"id": layer, "diff-digest": sha256(tar), "diff-size": tar.len()});
        if at > 0 {
            row["parent"] = json!(id(&format!("layer {}", at - 1)));
        }
        layers.insert(0, row);
    }
    let images = json!([{
        "id": image_id, "digest": sha256(&image.manifest()),
        "names": ["localhost/shop/web:1.4", "registry.example/shop/web:1.4"],
        "layer": id(&format!("layer {}", plain.len() - 1)),
    }]);
    put(
        root.join(format!("{driver}-images/images.json")),
        images.to_string(),
    );
    put(
        root.join(format!("{driver}-layers/layers.json")),
        json!(layers).to_string(),
    );
    let name = STANDARD.encode(format!("sha256:{image_id}"));
    put(
        root.join(format!("{driver}-images/{image_id}/={name}")),
        config,
    );
}

/// Docker's data folder with one image.
fn docker(root: &Path, image: &ImageBuilder, plain: &[Vec<u8>]) {
    let store = root.join("image/overlay2");
    let config = image.config();
    let image_id = sha256(&config);
    let mut chain = String::new();
    for (at, tar) in plain.iter().enumerate() {
        let diff_id = sha256(tar);
        chain = if at == 0 {
            diff_id
        } else {
            sha256(format!("{chain} {diff_id}").as_bytes())
        };
        let cache = id(&format!("cache {at}"));
        let folder = store.join("layerdb").join(chain.replace(':', "/"));
        let frame = split(tar, &root.join("overlay2").join(&cache).join("diff"));
        put(folder.join("tar-split.json.gz"), frame);
        put(folder.join("cache-id"), &cache);
        put(folder.join("size"), tar.len().to_string());
    }
    let names = json!({"Repositories": {"shop/web": {"shop/web:1.4": image_id}}});
    put(store.join("repositories.json"), names.to_string());
    put(
        store
            .join("imagedb/content")
            .join(image_id.replace(':', "/")),
        config,
    );
}

fn plain_layers() -> Vec<Vec<u8>> {
    let archive = two_layers();
    let layers = archive.descriptors();
    let blobs = archive.blobs();
    let of = |digest: &str| {
        blobs
            .iter()
            .find(|(name, _)| name == digest)
            .unwrap()
            .1
            .clone()
    };
    let inflate = |stored: Vec<u8>| {
        let mut plain = Vec::new();
        let mut reader = rampart_scanner::inflate::Inflate::new(&stored[..]).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
        plain
    };
    layers
        .iter()
        .map(|layer| inflate(of(&layer.digest)))
        .collect()
}

type Made = (
    &'static str,
    fn(&Path),
    fn(&Path, &Choice) -> Result<Source, SourceError>,
);

const STORES: &[Made] = &[
    (
        "overlay",
        |root| podman(root, "overlay", &two_layers(), &plain_layers()),
        storage::open,
    ),
    (
        "vfs",
        |root| podman(root, "vfs", &two_layers(), &plain_layers()),
        storage::open,
    ),
    (
        "docker",
        |root| docker(root, &two_layers(), &plain_layers()),
        docker_root::open,
    ),
];

#[test]
fn an_image_is_put_together_again_byte_for_byte() {
    for (store, make, open) in STORES {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let image_id = sha256(&two_layers().config());
        for name in ["shop/web:1.4", &image_id, &image_id[7..20], ""] {
            let found = inspect(open(folder.path(), &named(name)).unwrap());
            assert_eq!(packages(&found), TWO_LAYERS, "{store} {name}");
            assert!(!found.incomplete, "{store}: {:?}", found.report.problems);
            let target = &found.report.target;
            assert_eq!(target.image_id, image_id);
            // The digest of what was read is what the configuration names: nothing differs.
            for (layer, plain) in target.layers.iter().zip(plain_layers()) {
                assert_eq!(layer.diff_id, sha256(&plain), "{store}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_said() {
    for (store, make, open) in STORES {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            open(folder.path(), &named("shop/web:1.4")).is_err(),
            "{store}: empty"
        );
        make(folder.path());
        let error = open(folder.path(), &named("shop/api:1"))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("shop/api:1") && error.contains("shop/web:1.4"),
            "{error}"
        );
        let other = Choice {
            platform: Some("linux/s390x".parse().unwrap()),
            ..named("shop/web:1.4")
        };
        let error = open(folder.path(), &other).err().unwrap().to_string();
        assert!(error.contains("linux/s390x"), "{store}: {error}");
    }
}

/// Every file of the stores, damaged one after the other: an error, or a report that says so.
#[test]
fn a_damaged_store_is_an_error_or_is_told_of() {
    fn files(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, all);
            } else {
                all.push(path);
            }
        }
    }
    let damages: [fn(&Path); 3] = [
        |path| fs::write(path, b"\x00[{not what it was").unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        },
    ];
    for (store, make, open) in STORES {
        let model = tempfile::tempdir().unwrap();
        make(model.path());
        let mut all = Vec::new();
        files(model.path(), &mut all);
        for file in &all {
            for (at, damage) in damages.iter().enumerate() {
                let folder = tempfile::tempdir().unwrap();
                make(folder.path());
                let file = file.strip_prefix(model.path()).unwrap();
                damage(&folder.path().join(file));
                let Ok(source) = open(folder.path(), &named("shop/web:1.4")) else {
                    continue;
                };
                let told = match scan::inspect(source, &Options::default(), &Silent) {
                    Ok(found) => found.incomplete,
                    Err(error) => !chain(&error).contains("root:x"),
                };
                // Docker's size is for the progress bar alone.
                let harmless = file.ends_with("size");
                assert!(
                    told || harmless,
                    "{store}: {} damaged by {at}",
                    file.display()
                );
            }
        }
    }
}

/// Names in the frame lead nowhere outside of the layer's folder.
#[test]
fn a_frame_that_points_elsewhere_reads_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    podman(root, "overlay", &two_layers(), &plain_layers());
    put(root.join("secret"), "what is outside");
    let layer = id("layer 0");
    for name in ["../../../secret", "/../secret", "link/secret"] {
        let diff = root.join("overlay").join(&layer).join("diff");
        let _ = std::os::unix::fs::symlink(root, diff.join("link"));
        let line = json!({"type": 1, "name": name, "size": 15, "position": 0}).to_string();
        put(
            root.join(format!("overlay-layers/{layer}.tar-split.gz")),
            gzip(line.as_bytes()),
        );
        let source = storage::open(root, &named("shop/web:1.4")).unwrap();
        let error = scan::inspect(source, &Options::default(), &Silent).unwrap_err();
        assert!(
            chain(&error).contains("secret'"),
            "{name}: {}",
            chain(&error)
        );
    }
}

fn has(tool: &str) -> bool {
    let found = Path::new("/usr/bin").join(tool).is_file();
    if !found {
        eprintln!("skipped: {tool} is not installed (scripts/setup.sh test)");
    }
    found
}

/// The same image out of Podman's own store and out of the layout it was loaded from.
#[test]
fn podmans_own_store() {
    if !has("podman") || !has("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let image = two_layers();
    image.write_layout(&layout, "app");
    let from_layout =
        inspect(rampart_scanner::source::layout::open(&layout, &named("app")).unwrap());
    for driver in ["vfs", "overlay"] {
        let root = folder.path().join(driver);
        let run = folder.path().join(format!("{driver}-run"));
        let to = format!(
            "containers-storage:[{driver}@{}+{}]localhost/team/app:1",
            root.display(),
            run.display()
        );
        let copied = Command::new("skopeo")
            .args(["copy", "--insecure-policy"])
            .arg(format!("oci:{}:app", layout.display()))
            .arg(&to)
            .output()
            .unwrap();
        if !copied.status.success() {
            // A store on overlay needs a file system below it that allows it.
            assert_eq!(
                driver,
                "overlay",
                "{}",
                String::from_utf8_lossy(&copied.stderr)
            );
            eprintln!(
                "skipped: no overlay store here: {}",
                String::from_utf8_lossy(&copied.stderr)
            );
            continue;
        }
        let listed = Command::new("podman")
            .args(["--storage-driver", driver, "--root"])
            .arg(&root)
            .arg("--runroot")
            .arg(&run)
            .args([
                "images",
                "--noheading",
                "--format",
                "{{.Repository}}:{{.Tag}}",
            ])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&listed.stdout).trim(),
            "localhost/team/app:1"
        );
        for name in ["team/app:1", "localhost/team/app:1"] {
            let found = inspect(storage::open(&root, &named(name)).unwrap());
            assert!(!found.incomplete, "{:?}", found.report.problems);
            assert_eq!(packages(&found), TWO_LAYERS, "{driver}");
            assert_eq!(
                found.report.packages, from_layout.report.packages,
                "{driver}"
            );
        }
    }
}
