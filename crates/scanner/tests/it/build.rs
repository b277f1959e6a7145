//! Layers, images, layouts and archives, made in memory.

use rampart_scanner::{
    cache::LayerCache,
    digest::sha256,
    image::Descriptor,
    scan::{self, Inspected, Options, Silent},
    source::Source,
};
use serde_json::{Value, json};
use std::{io::Write, path::Path, sync::Arc};

/// A tar, entry by entry.
#[derive(Default, Clone)]
pub(crate) struct Tar(Vec<u8>);

impl Tar {
    pub(crate) fn header(&mut self, name: &str, kind: u8, size: u64, link: &str, mode: u32) {
        let mut block = [0u8; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, format!("{size:011o}").as_bytes());
        put(136, b"00000000000");
        put(156, &[kind]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000");
        put(148, b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend_from_slice(&block);
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.mode(name, 0o644, content)
    }

    pub(crate) fn mode(mut self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.header(name, b'0', content.len() as u64, "", mode);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn directory(mut self, name: &str) -> Self {
        self.header(name, b'5', 0, "", 0o755);
        self
    }

    pub(crate) fn link(mut self, name: &str, kind: u8, target: &str) -> Self {
        self.header(name, kind, 0, target, 0o644);
        self
    }

    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 1).unwrap()
}

/// A dpkg database of these packages.
pub(crate) fn status(packages: &[(&str, &str)]) -> String {
    packages
        .iter()
        .map(|(name, version)| {
            format!(
                "Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\n\
                 Architecture: amd64\nVersion: {version}\nDescription: x\n\n"
            )
        })
        .collect()
}

pub(crate) const DEBIAN: &str =
    "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

/// A layer that installs Debian packages.
pub(crate) fn debian(packages: &[(&str, &str)]) -> Tar {
    Tar::default()
        .directory("etc/")
        .file("etc/os-release", DEBIAN)
        .file("etc/debian_version", "12.5\n")
        .file("var/lib/dpkg/status", status(packages))
}

/// An image: stored layers with their plain forms' digests.
#[derive(Clone, Default)]
pub(crate) struct ImageBuilder {
    pub(crate) layers: Vec<(Vec<u8>, String, &'static str)>,
    pub(crate) arch: String,
    pub(crate) history: Vec<Value>,
}

impl ImageBuilder {
    pub(crate) fn new() -> Self {
        Self {
            arch: "amd64".into(),
            ..Self::default()
        }
    }

    pub(crate) fn gz(self, plain: Vec<u8>) -> Self {
        let stored = gzip(&plain);
        self.stored(
            stored,
            &plain,
            "application/vnd.oci.image.layer.v1.tar+gzip",
        )
    }

    pub(crate) fn zst(self, plain: Vec<u8>) -> Self {
        let stored = zstd(&plain);
        self.stored(
            stored,
            &plain,
            "application/vnd.oci.image.layer.v1.tar+zstd",
        )
    }

    pub(crate) fn plain(self, plain: Vec<u8>) -> Self {
        self.stored(
            plain.clone(),
            &plain,
            "application/vnd.oci.image.layer.v1.tar",
        )
    }

    pub(crate) fn stored(
        mut self,
        stored: Vec<u8>,
        plain: &[u8],
        media_type: &'static str,
    ) -> Self {
        let step = format!("RUN step {}", self.layers.len());
        self.history
            .push(json!({"created_by": step, "created": "2024-01-01T00:00:00Z"}));
        self.history
            .push(json!({"created_by": "ENV A=b", "empty_layer": true}));
        self.layers.push((stored, sha256(plain), media_type));
        self
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        let diff_ids: Vec<&String> = self.layers.iter().map(|(_, diff_id, _)| diff_id).collect();
        serde_json::to_vec(&json!({
            "architecture": self.arch, "os": "linux", "created": "2024-01-02T00:00:00Z", "author": "me",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], "User": "1000", "Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": self.history,
        }))
        .unwrap()
    }

    pub(crate) fn descriptors(&self) -> Vec<Descriptor> {
        self.layers
            .iter()
            .map(|(stored, _, media_type)| Descriptor {
                media_type: (*media_type).to_owned(),
                digest: sha256(stored),
                size: stored.len() as u64,
                ..Descriptor::default()
            })
            .collect()
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        let config = self.config();
        let layers: Vec<Value> = self
            .descriptors()
            .iter()
            .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}))
            .collect();
        serde_json::to_vec(&json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(&config), "size": config.len()},
            "layers": layers,
        }))
        .unwrap()
    }

    /// Everything by digest: layers, configuration, manifest.
    pub(crate) fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        let own = self.layers.iter().map(|(stored, _, _)| stored.clone());
        own.chain([self.config(), self.manifest()])
            .map(|bytes| (sha256(&bytes), bytes))
            .collect()
    }

    pub(crate) fn write_layout(&self, folder: &Path, name: &str) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        for (digest, bytes) in self.blobs() {
            std::fs::write(blobs.join(&digest[7..]), bytes).unwrap();
        }
        std::fs::write(folder.join("index.json"), self.index(name)).unwrap();
    }

    pub(crate) fn index(&self, name: &str) -> Vec<u8> {
        let manifest = self.manifest();
        serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha256(&manifest), "size": manifest.len(),
            "annotations": {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name},
        }]}))
        .unwrap()
    }

    /// As `docker save` wrote for years: folders with `layer.tar`, one of them a link.
    pub(crate) fn docker_archive(&self, name: &str) -> Vec<u8> {
        let config = self.config();
        let config_name = format!("{}.json", &sha256(&config)[7..]);
        let mut tar = Tar::default();
        let mut paths = Vec::new();
        for (index, (stored, _, _)) in self.layers.iter().enumerate() {
            let path = format!("l{index}/layer.tar");
            if index == 1 {
                tar = tar
                    .file("real/layer.tar", stored)
                    .link(&path, b'2', "../real/layer.tar");
            } else {
                tar = tar.file(&path, stored);
            }
            paths.push(path);
        }
        let manifest = json!([{"Config": config_name, "RepoTags": [name], "Layers": paths}]);
        tar.file(&config_name, &config)
            .file("manifest.json", manifest.to_string())
            .end()
    }

    pub(crate) fn oci_archive(&self, name: &str) -> Vec<u8> {
        let mut tar = Tar::default()
            .directory("blobs/")
            .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        for (digest, bytes) in self.blobs() {
            tar = tar.file(&format!("blobs/sha256/{}", &digest[7..]), &bytes);
        }
        tar.file("index.json", self.index(name)).end()
    }
}

/// Two layers: the second upgrades one package, deletes a file and brings a setuid program.
pub(crate) fn two_layers() -> ImageBuilder {
    let first = debian(&[("bash", "5.2-1"), ("curl", "7.88.1-10")])
        .file(
            "app/package.json",
            r#"{"name":"left-pad","version":"1.3.0"}"#,
        )
        .file(
            "app/node_modules/gone/package.json",
            r#"{"name":"gone","version":"1.0.0"}"#,
        )
        .end();
    let second = Tar::default()
        .file(
            "var/lib/dpkg/status",
            status(&[("bash", "5.2-1"), ("curl", "7.88.1-11")]),
        )
        .file("app/node_modules/.wh.gone", "")
        .mode("usr/bin/su", 0o4755, "x")
        .end();
    ImageBuilder::new().gz(first).zst(second)
}

pub(crate) fn inspect(source: Source) -> Inspected {
    scan::inspect(source, &Options::default(), &Silent).unwrap()
}

pub(crate) fn with_cache(folder: &Path) -> Options {
    let options = Options::default();
    let cache = LayerCache::open(folder, &options.set_name("test"), 1 << 30).unwrap();
    Options {
        cache: Some(Arc::new(cache)),
        ..options
    }
}

/// `name version [layer]` of each package.
pub(crate) fn packages(inspected: &Inspected) -> Vec<String> {
    let shown = inspected.report.packages.iter().map(|package| {
        let layer = package
            .layer
            .map(|layer| format!(" [{layer}]"))
            .unwrap_or_default();
        format!("{} {}{layer}", package.name, package.version)
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

pub(crate) const TWO_LAYERS: [&str; 3] =
    ["bash 5.2-1 [0]", "curl 7.88.1-11 [1]", "left-pad 1.3.0 [0]"];
