//! A registry on the loopback interface: lists in pages, wants a password if it is told to, holds
//! blobs back until they are let go, and remembers what it was asked. One thread a connection.

use rampart_scanner::digest::sha256;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Names on one page of a list.
const PAGE: usize = 2;

#[derive(Default)]
struct State {
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, (&'static str, Vec<u8>)>,
    tags: BTreeMap<String, Vec<String>>,
    /// Blobs of which only the first half is given until they are taken out of here.
    held: BTreeSet<String>,
    /// `Authorization` that is wanted.
    login: Option<String>,
    asked: Vec<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// What one image is: its manifest's digest, and those of its layers.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) digest: String,
    pub(crate) layers: Vec<String>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = Arc::clone(&own);
                // A client that went away is no fault of the test.
                thread::spawn(move || answer(&own, stream).unwrap_or_default());
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Wants this authorization from now on.
    pub(crate) fn wants(&self, authorization: &str) {
        self.shared.state().login = Some(authorization.to_owned());
    }

    fn image(&self, arch: &str, layers: &[Vec<u8>]) -> (Made, Value) {
        let digests: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
        let config = json!({
            "architecture": arch, "os": "linux", "config": {"User": "1000"},
            "rootfs": {"type": "layers", "diff_ids": digests},
        });
        let config = config.to_string().into_bytes();
        let described: Vec<Value> = layers
            .iter()
            .zip(&digests)
            .map(|(layer, digest)| json!({"mediaType": LAYER, "digest": digest, "size": layer.len()}))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha256(&config), "size": config.len()},
            "layers": described,
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = sha256(&bytes);
        let about = json!({
            "mediaType": MANIFEST, "digest": digest, "size": bytes.len(),
            "platform": {"os": "linux", "architecture": arch},
        });
        let mut state = self.shared.state();
        state.blobs.insert(sha256(&config), config);
        let stored = digests.iter().cloned().zip(layers.iter().cloned());
        state.blobs.extend(stored);
        state.manifests.insert(digest.clone(), (MANIFEST, bytes));
        let layers = digests;
        (Made { digest, layers }, about)
    }

    fn tag(&self, repository: &str, tag: &str, document: (&'static str, Vec<u8>)) {
        let mut state = self.shared.state();
        let name = format!("{repository}:{tag}");
        state.manifests.insert(name, document);
        let tags = state.tags.entry(repository.to_owned()).or_default();
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }

    pub(crate) fn push(&self, repository: &str, tag: &str, layers: &[Vec<u8>]) -> Made {
        let (made, _) = self.image("amd64", layers);
        let document = self.shared.state().manifests[&made.digest].clone();
        self.tag(repository, tag, document);
        made
    }

    /// One image for several platforms.
    pub(crate) fn push_platforms(&self, repository: &str, tag: &str, arches: &[(&str, Vec<u8>)]) {
        let manifests: Vec<Value> = arches
            .iter()
            .map(|(arch, layer)| self.image(arch, std::slice::from_ref(layer)).1)
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.tag(repository, tag, (INDEX, index.to_string().into_bytes()));
    }

    /// A tag that is listed and has no manifest.
    pub(crate) fn push_nothing(&self, repository: &str, tag: &str) {
        self.tag(repository, tag, (MANIFEST, Vec::new()));
        self.shared
            .state()
            .manifests
            .remove(&format!("{repository}:{tag}"));
    }

    /// Any document as a manifest.
    pub(crate) fn push_document(&self, repository: &str, tag: &str, bytes: Vec<u8>) {
        self.tag(repository, tag, (MANIFEST, bytes));
    }

    pub(crate) fn hold(&self, digest: &str) {
        self.shared.state().held.insert(digest.to_owned());
    }

    pub(crate) fn let_go(&self) {
        self.shared.state().held.clear();
        self.shared.changed.notify_all();
    }

    /// How often something was asked for whose request line has this text.
    pub(crate) fn asked(&self, text: &str) -> usize {
        let state = self.shared.state();
        state
            .asked
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }
}

fn answer(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut authorization, mut from) = (String::new(), String::new(), 0usize);
    // TLS is tried first: a server that does not speak it hangs up.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return Ok(());
    }
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.trim().clone_into(&mut authorization),
            "range" => {
                let digits = value
                    .trim()
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-');
                from = digits.parse().unwrap_or(0);
            }
            _ => {}
        }
    }
    let target = line
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let head = line.starts_with("HEAD ");
    shared.state().asked.push(line);
    let login = shared.state().login.clone();
    if login.is_some_and(|wanted| wanted != authorization) {
        return respond(
            stream,
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"here\"\r\n",
            b"{}",
            head,
        );
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = path.strip_prefix("/v2/").unwrap_or_default();
    if let Some((_, digest)) = path.split_once("/blobs/") {
        return blob(shared, stream, digest, from);
    }
    let found = shared.state().find(path, query);
    match found {
        Some((headers, body)) => respond(stream, "200 OK", &headers, &body, head),
        None => respond(
            stream,
            "404 Not Found",
            "",
            b"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"unknown\"}]}",
            head,
        ),
    }
}

impl State {
    fn find(&self, path: &str, query: &str) -> Option<(String, Vec<u8>)> {
        if path.is_empty() {
            return Some((String::new(), b"{}".to_vec()));
        }
        if path == "_catalog" {
            let names = self.tags.keys().cloned().collect();
            return Some(page(path, query, "repositories", names));
        }
        if let Some(repository) = path.strip_suffix("/tags/list") {
            let tags = self.tags.get(repository)?.clone();
            return Some(page(path, query, "tags", tags));
        }
        let (repository, reference) = path.split_once("/manifests/")?;
        let by_digest = self.manifests.get(reference);
        let by_name = || self.manifests.get(&format!("{repository}:{reference}"));
        let (media, bytes) = by_digest.or_else(by_name)?;
        let headers = format!(
            "Content-Type: {media}\r\nDocker-Content-Digest: {}\r\n",
            sha256(bytes)
        );
        Some((headers, bytes.clone()))
    }
}

fn page(path: &str, query: &str, key: &str, all: Vec<String>) -> (String, Vec<u8>) {
    let last = query.split('&').find_map(|pair| pair.strip_prefix("last="));
    let start = last
        .and_then(|last| {
            all.iter()
                .position(|name| *name == last.replace("%2F", "/"))
        })
        .map_or(0, |at| at + 1);
    let end = (start + PAGE).min(all.len());
    let body = json!({"name": path, key: &all[start..end]}).to_string();
    let link = if end < all.len() {
        format!(
            "Link: </v2/{path}?n={PAGE}&last={}>; rel=\"next\"\r\n",
            all[end - 1]
        )
    } else {
        String::new()
    };
    (link, body.into_bytes())
}

fn respond(
    mut stream: TcpStream,
    status: &str,
    headers: &str,
    body: &[u8],
    head: bool,
) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    if !head {
        stream.write_all(body)?;
    }
    stream.flush()
}

fn blob(shared: &Shared, mut stream: TcpStream, digest: &str, from: usize) -> std::io::Result<()> {
    let Some(bytes) = shared.state().blobs.get(digest).cloned() else {
        return respond(stream, "404 Not Found", "", b"{}", false);
    };
    let rest = &bytes[from.min(bytes.len())..];
    let status = if from == 0 {
        "200 OK"
    } else {
        "206 Partial Content"
    };
    let range = format!(
        "Content-Range: bytes {from}-{}/{}\r\n",
        bytes.len().saturating_sub(1),
        bytes.len()
    );
    let range = if from == 0 { "" } else { &range };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{range}\r\n",
        rest.len()
    )?;
    let (first, second) = rest.split_at(rest.len() / 2);
    stream.write_all(first)?;
    stream.flush()?;
    let mut state = shared.state();
    while state.held.contains(digest) {
        state = shared.changed.wait(state).unwrap();
    }
    drop(state);
    stream.write_all(second)?;
    stream.flush()
}

/// A tar of regular files.
pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in files {
        let mut block = [0u8; 512];
        let mut put =
            |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644");
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        put(156, "0");
        put(257, "ustar\x0000");
        put(148, "        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&block);
        tar.extend_from_slice(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}

pub(crate) const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";

/// A dpkg database of these packages.
pub(crate) fn status(packages: &[(&str, &str)]) -> String {
    let one = |(name, version): &(&str, &str)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\nArchitecture: amd64\n\
             Version: {version}\nDescription: x\n\n"
        )
    };
    packages.iter().map(one).collect()
}

/// A layer that installs Debian packages.
pub(crate) fn debian(packages: &[(&str, &str)]) -> Vec<u8> {
    tar(&[
        ("etc/os-release", DEBIAN),
        ("etc/debian_version", "12.5\n"),
        ("var/lib/dpkg/status", &status(packages)),
    ])
}

/// Debian's tracker, of one package: CVEs and the versions that fix them.
pub(crate) fn tracker(package: &str, cves: &[(&str, &str)]) -> String {
    let entries: BTreeMap<&str, Value> = cves
        .iter()
        .map(|(cve, fixed)| {
            let release = json!({"status": "resolved", "fixed_version": fixed, "urgency": "high"});
            (
                *cve,
                json!({"description": "A flaw", "releases": {"bookworm": release}}),
            )
        })
        .collect();
    json!({package: entries}).to_string()
}
