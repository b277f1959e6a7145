//! What an image says of itself: index, manifest and configuration, of OCI and Docker.
//!
//! Limits: [`DOCUMENT_BYTES`] and [`MAX_VALUES`] for a document, [`MAX_LAYERS`] layers,
//! [`MAX_MANIFESTS`] entries of an index. Fields of a wrong type are taken as absent; what is needed and absent is an error.

use rampart_model::scan::{Layer, ScanTarget};
use serde_json::Value;
use std::{fmt, str::FromStr};

pub const DOCUMENT_BYTES: usize = 8 << 20;
/// Values of a document: each takes many times its bytes once it is read.
const MAX_VALUES: usize = 100_000;
const CONFIGURATION: &str = "image configuration";
const MAX_LAYERS: usize = 2048;
const MAX_MANIFESTS: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the {what} is not valid JSON")]
    Json {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("the {what} is larger than {DOCUMENT_BYTES} bytes")]
    TooLarge { what: &'static str },
    #[error("the {what} holds more than {MAX_VALUES} values")]
    TooManyValues { what: &'static str },
    #[error("this is neither an image manifest nor an index{0}")]
    NotAnImage(String),
    #[error("the manifest lists more than {MAX_LAYERS} layers")]
    TooManyLayers,
    #[error("the index lists more than {MAX_MANIFESTS} manifests")]
    TooManyManifests,
    #[error("the image is not there for {wanted}: it is for {available}")]
    NoPlatform { wanted: String, available: String },
    #[error("'{0}' is no platform: write it as linux/amd64 or linux/arm64/v8")]
    BadPlatform(String),
}

/// `os/arch[/variant]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub arch: String,
    pub variant: String,
}

impl Platform {
    /// Linux on this machine's processor.
    pub fn host() -> Self {
        let (arch, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", ""),
            "aarch64" => ("arm64", "v8"),
            "arm" => ("arm", "v7"),
            "powerpc64" => ("ppc64le", ""),
            other => (other, ""),
        };
        Self {
            os: "linux".into(),
            arch: arch.into(),
            variant: variant.into(),
        }
    }

    /// `self` is wanted and `other` offered.
    fn accepts(&self, other: &Self) -> bool {
        let variant = |platform: &Self| match (platform.arch.as_str(), platform.variant.as_str()) {
            ("arm64", "") => "v8".to_owned(),
            (_, variant) => variant.to_owned(),
        };
        self.os == other.os
            && self.arch == other.arch
            && (self.variant.is_empty() || variant(self) == variant(other))
    }
}

impl FromStr for Platform {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let parts: Vec<&str> = text.split('/').collect();
        let bad = || ImageError::BadPlatform(text.to_owned());
        if parts.iter().any(|part| part.is_empty()) {
            return Err(bad());
        }
        let arch = |name: &str| match name {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        };
        match parts[..] {
            [one] => Ok(Self {
                os: "linux".into(),
                arch: arch(one),
                variant: String::new(),
            }),
            [os, two] => Ok(Self {
                os: os.into(),
                arch: arch(two),
                variant: String::new(),
            }),
            [os, two, variant] => Ok(Self {
                os: os.into(),
                arch: arch(two),
                variant: variant.into(),
            }),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if self.variant.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.variant)
        }
    }
}

/// Content named by its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub platform: Option<Platform>,
    pub artifact_type: String,
    /// `org.opencontainers.image.ref.name`, or containerd's name of the image.
    pub name: String,
    /// Other places a foreign layer may lie at.
    pub urls: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

#[derive(Clone, Debug)]
pub enum Document {
    Index(Vec<Descriptor>),
    Manifest(Manifest),
}

/// Media types asked of a registry, best first.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// # Errors
/// When it is neither index nor manifest, or over a limit.
pub fn document(bytes: &[u8]) -> Result<Document, ImageError> {
    let value = json("manifest", bytes)?;
    if let Some(manifests) = value["manifests"].as_array() {
        if manifests.len() > MAX_MANIFESTS {
            return Err(ImageError::TooManyManifests);
        }
        return Ok(Document::Index(manifests.iter().map(descriptor).collect()));
    }
    let Some(layers) = value["layers"]
        .as_array()
        .filter(|_| value["config"].is_object())
    else {
        let hint = match value["schemaVersion"].as_u64() {
            Some(1) => ": it is of schema 1, which registries no longer serve; push it again",
            _ => "",
        };
        return Err(ImageError::NotAnImage(hint.to_owned()));
    };
    if layers.len() > MAX_LAYERS {
        return Err(ImageError::TooManyLayers);
    }
    let config = descriptor(&value["config"]);
    Ok(Document::Manifest(Manifest {
        config,
        layers: layers.iter().map(descriptor).collect(),
    }))
}

fn json(what: &'static str, bytes: &[u8]) -> Result<Value, ImageError> {
    if bytes.len() > DOCUMENT_BYTES {
        return Err(ImageError::TooLarge { what });
    }
    if values(bytes) > MAX_VALUES {
        return Err(ImageError::TooManyValues { what });
    }
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json { what, source })
}

/// At least as many as the values of a JSON text: its separators and openings outside of strings.
fn values(json: &[u8]) -> usize {
    let (mut count, mut inside, mut escaped) = (1, false, false);
    for byte in json {
        match (inside, byte) {
            _ if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => inside = !inside,
            (false, b',' | b':' | b'[' | b'{') => count += 1,
            _ => {}
        }
    }
    count
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn descriptor(value: &Value) -> Descriptor {
    let platform = &value["platform"];
    let annotations = &value["annotations"];
    let name = [
        "io.containerd.image.name",
        "org.opencontainers.image.ref.name",
    ]
    .iter()
    .find_map(|key| annotations[*key].as_str())
    .unwrap_or_default();
    Descriptor {
        media_type: text(&value["mediaType"]),
        digest: text(&value["digest"]),
        size: value["size"].as_u64().unwrap_or(0),
        platform: platform.is_object().then(|| Platform {
            os: text(&platform["os"]),
            arch: text(&platform["architecture"]),
            variant: text(&platform["variant"]),
        }),
        artifact_type: text(&value["artifactType"]),
        name: name.to_owned(),
        urls: texts(&value["urls"]),
    }
}

/// The entry of an index for a platform. Without one wanted: this machine's, or the only one.
///
/// # Errors
/// When none fits; the error lists what there is.
pub fn select<'a>(
    manifests: &'a [Descriptor],
    wanted: Option<&Platform>,
) -> Result<&'a Descriptor, ImageError> {
    let images: Vec<&Descriptor> = manifests.iter().filter(|entry| is_image(entry)).collect();
    let target = wanted.cloned().unwrap_or_else(Platform::host);
    let fits = |entry: &&&Descriptor| entry.platform.as_ref().is_some_and(|p| target.accepts(p));
    let exact = images.iter().find(fits).copied();
    let only = match (&images[..], wanted) {
        ([one], None) => Some(*one),
        ([one], Some(_)) if one.platform.is_none() => Some(*one),
        _ => None,
    };
    exact.or(only).ok_or_else(|| ImageError::NoPlatform {
        wanted: target.to_string(),
        available: platforms(&images),
    })
}

/// Attestations and signatures lie in indexes too.
fn is_image(entry: &Descriptor) -> bool {
    let unknown = entry
        .platform
        .as_ref()
        .is_some_and(|platform| platform.os == "unknown");
    !unknown && entry.artifact_type.is_empty()
}

fn platforms(images: &[&Descriptor]) -> String {
    let names: Vec<String> = images
        .iter()
        .filter_map(|entry| entry.platform.as_ref())
        .map(Platform::to_string)
        .collect();
    if names.is_empty() {
        "no platform it names".into()
    } else {
        names.join(", ")
    }
}

/// Fills in what the image's configuration says, and the build command of each layer.
///
/// # Errors
/// When it is not JSON or too large.
pub fn describe(
    config: &[u8],
    layers: &[Descriptor],
    to: &mut ScanTarget,
) -> Result<(), ImageError> {
    let value = match json(CONFIGURATION, config) {
        // What it says is left out; the layers are read all the same: see `excess`.
        Err(ImageError::TooManyValues { .. }) => Value::Null,
        other => other?,
    };
    to.os = text(&value["os"]);
    to.arch = text(&value["architecture"]);
    to.variant = text(&value["variant"]);
    to.created_at = text(&value["created"]);
    to.author = text(&value["author"]);
    let run = &value["config"];
    to.env = texts(&run["Env"]);
    to.cmd = texts(&run["Cmd"]);
    to.entrypoint = texts(&run["Entrypoint"]);
    to.user = text(&run["User"]);
    if let Some(labels) = run["Labels"].as_object() {
        to.labels = labels
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect();
    }
    let diff_ids = texts(&value["rootfs"]["diff_ids"]);
    to.layers = layers
        .iter()
        .enumerate()
        .map(|(index, layer)| Layer {
            digest: layer.digest.clone(),
            diff_id: diff_ids.get(index).cloned().unwrap_or_default(),
            size_bytes: layer.size,
            ..Layer::default()
        })
        .collect();
    to.size_bytes = layers
        .iter()
        .map(|layer| layer.size)
        .fold(0, u64::saturating_add);
    apply_history(&value["history"], &mut to.layers);
    Ok(())
}

/// Why nothing of a configuration is taken, if it is too much to be read.
pub(crate) fn excess(config: &[u8]) -> Option<String> {
    let what = CONFIGURATION;
    (values(config) > MAX_VALUES).then(|| ImageError::TooManyValues { what }.to_string())
}

/// History also tells of steps that made no layer; the others are the layers, in order.
fn apply_history(history: &Value, layers: &mut [Layer]) {
    let steps = history.as_array().into_iter().flatten();
    let real = steps.filter(|step| step["empty_layer"].as_bool() != Some(true));
    for (layer, step) in layers.iter_mut().zip(real) {
        layer.created_by = text(&step["created_by"]);
        layer.created_at = text(&step["created"]);
        layer.author = text(&step["author"]);
        layer.comment = text(&step["comment"]);
    }
}

/// Diff ids of a configuration, in order; none if it is damaged.
pub fn diff_ids(config: &[u8]) -> Vec<String> {
    json(CONFIGURATION, config)
        .map(|value| texts(&value["rootfs"]["diff_ids"]))
        .unwrap_or_default()
}
