//! .NET: what a program was published with (`*.deps.json`), and what projects lock and name.
//!
//! Projects: `packages.lock.json`, `project.assets.json`, `packages.config`,
//! `Directory.Packages.props`, and `PackageReference` with a plain version in `*.csproj` and kin.
//! MSBuild is not evaluated: a property is followed only within the same file. Limits: 8 MiB of a
//! `deps.json`, 64 MiB of a lock file, 4 MiB of a project file.

mod msbuild;

use super::{
    FileMeta, Scope,
    document::{self, Limits, Node},
    manifest::{Graph, INSTALLED_BYTES, LOCK_BYTES, Listing, Manifest, integrity},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

pub static DEPS_JSON: Manifest = Manifest {
    name: "dotnet-deps",
    scope: Scope::Both,
    limit: INSTALLED_BYTES,
    wants: |file| file.path.ends_with(".deps.json"),
    read: deps,
};

pub static PACKAGES_LOCK: Manifest = Manifest {
    name: "nuget-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "packages.lock.json",
    read: packages_lock,
};

pub static PROJECT_ASSETS: Manifest = Manifest {
    name: "nuget-assets",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "project.assets.json",
    read: assets,
};

pub static PACKAGES_CONFIG: Manifest = Manifest {
    name: "nuget-config",
    scope: Scope::Project,
    limit: 4 << 20,
    wants: |file| file.file_name().eq_ignore_ascii_case("packages.config"),
    read: msbuild::packages_config,
};

pub static PROJECT_FILE: Manifest = Manifest {
    name: "msbuild",
    scope: Scope::Project,
    limit: 4 << 20,
    wants: |file| {
        let name = file.file_name();
        name.eq_ignore_ascii_case("Directory.Packages.props")
            || [".csproj", ".fsproj", ".vbproj"]
                .iter()
                .any(|ending| name.ends_with(ending))
    },
    read: msbuild::project,
};

fn deps(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::INSTALLED) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let target = document.get("runtimeTarget");
    let target = target
        .text_of("name")
        .or_else(|| target.text())
        .unwrap_or_default();
    let chosen = document.get("targets").get(target);
    let mut reader = Reader::new(document.get("libraries"), listing);
    reader.connect(chosen);
    reader.mark_unshipped(chosen);
    reader.graph.list(listing);
}

fn assets(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut reader = Reader::new(document.get("libraries"), listing);
    for (_, target) in document.get("targets").map() {
        reader.connect(target);
    }
    for (_, framework) in document.get("project").get("frameworks").map() {
        for (name, _) in framework.get("dependencies").map() {
            reader.mark_direct(name);
        }
    }
    reader.graph.list(listing);
}

/// The `libraries` of both formats: `Name/1.2.3` → what it is.
struct Reader<'d> {
    graph: Graph,
    at_key: HashMap<&'d str, usize>,
    by_name: HashMap<String, usize>,
}

impl<'d> Reader<'d> {
    fn new(libraries: &'d Node, listing: &mut Listing<'_>) -> Self {
        let mut this = Self {
            graph: Graph::default(),
            at_key: HashMap::new(),
            by_name: HashMap::new(),
        };
        for (key, entry) in libraries.map() {
            let kind = entry.text_of("type").unwrap_or_default();
            // A project or a bare reference is the program's own.
            if !(kind.eq_ignore_ascii_case("package") || kind.eq_ignore_ascii_case("runtimepack")) {
                if !entry.is_map() || kind.is_empty() {
                    listing.bad(key, "does not say what it is");
                }
                continue;
            }
            let Some((name, version)) = key.split_once('/') else {
                listing.bad(key, "no name/version");
                continue;
            };
            let name = name.strip_prefix("runtimepack.").unwrap_or(name);
            let mut package = Package::new(PackageKind::Nuget, name, version);
            let hash = entry.text_of("sha512").unwrap_or_default();
            package.hashes = if hash.starts_with("sha512-") {
                integrity(hash)
            } else {
                content_hash(hash)
            };
            let at = this.graph.add(package);
            this.at_key.insert(key, at);
            this.by_name.insert(name.to_ascii_lowercase(), at);
        }
        this
    }

    fn connect(&mut self, target: &Node) {
        for (key, entry) in target.map() {
            for (name, version) in entry.get("dependencies").map() {
                let exact = format!("{name}/{}", version.text().unwrap_or_default());
                let found = self.at_key.get(exact.as_str()).copied();
                let needed =
                    found.or_else(|| self.by_name.get(&name.to_ascii_lowercase()).copied());
                let Some(needed) = needed else { continue };
                match self.at_key.get(&**key) {
                    Some(at) => self.graph.needs[*at].push(needed),
                    // The program itself is no package.
                    None => self.graph.packages[needed].direct = true,
                }
            }
        }
    }

    fn mark_direct(&mut self, name: &str) {
        if let Some(at) = self.by_name.get(&name.to_ascii_lowercase()) {
            self.graph.packages[*at].direct = true;
        }
    }

    /// A library the target has nothing of at run time was only compiled against.
    fn mark_unshipped(&mut self, target: &Node) {
        const SHIPPED: [&str; 4] = ["runtime", "runtimeTargets", "native", "resources"];
        for (key, entry) in target.map() {
            if let Some(at) = self.at_key.get(&**key)
                && SHIPPED.iter().all(|part| entry.get(part).is_null())
            {
                self.graph.packages[*at].dev = true;
            }
        }
    }
}

/// `contentHash` is base64 of the package's SHA-512.
fn content_hash(text: &str) -> Vec<String> {
    let digest = STANDARD
        .decode(text)
        .ok()
        .filter(|digest| digest.len() == 64);
    digest
        .map(|digest| format!("sha512:{}", hex::encode(digest)))
        .into_iter()
        .collect()
}

fn packages_lock(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut graph = Graph::default();
    let mut known: HashMap<(String, String), usize> = HashMap::new();
    for (_, framework) in document.get("dependencies").map() {
        let mut here: HashMap<String, usize> = HashMap::new();
        for (name, entry) in framework.map() {
            let kind = entry.text_of("type").unwrap_or_default();
            let Some(version) = entry.text_of("resolved") else {
                if kind != "Project" {
                    listing.bad(name, "no resolved version");
                }
                continue;
            };
            let key = (name.to_ascii_lowercase(), version.to_owned());
            let at = *known
                .entry(key)
                .or_insert_with(|| graph.add(Package::new(PackageKind::Nuget, &**name, version)));
            let package = &mut graph.packages[at];
            package.direct |= kind == "Direct";
            package.hashes = content_hash(entry.text_of("contentHash").unwrap_or_default());
            here.insert(name.to_ascii_lowercase(), at);
        }
        for (name, entry) in framework.map() {
            let Some(at) = here.get(&name.to_ascii_lowercase()) else {
                continue;
            };
            let needs = entry.get("dependencies").map().iter();
            let needs = needs.filter_map(|(need, _)| here.get(&need.to_ascii_lowercase()));
            graph.needs[*at].extend(needs);
        }
    }
    graph.list(listing);
}
