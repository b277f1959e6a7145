//! What both formats share of a package: how it is referred to, who supplies it, what it needs,
//! and the properties under our own name that hold what a format has no field for.

use crate::purl::{self, Purl, to_purl};
use rampart_model::{
    package::{Distro, Package, PackageKind},
    scan::{Layer, ScanReport, ScanTarget, TargetKind},
};
use std::collections::{HashMap, HashSet};

/// A name and a value.
pub(super) type Property = (String, String);

/// A package of a report, with what is worked out once for all of them.
pub(super) struct Entry<'a> {
    pub(super) package: &'a Package,
    pub(super) purl: String,
    /// Unique in the document.
    pub(super) reference: String,
    pub(super) supplier: String,
    pub(super) properties: Vec<Property>,
    /// Indices of what it needs.
    pub(super) needs: Vec<usize>,
}

pub(super) fn entries(report: &ScanReport) -> Vec<Entry<'_>> {
    let distro = report.distro.as_ref();
    let needs = needs(&report.packages);
    let mut taken: HashMap<String, usize> = HashMap::with_capacity(report.packages.len());
    let mut entries = Vec::with_capacity(report.packages.len());
    for (package, (needs, all)) in report.packages.iter().zip(needs) {
        let purl = to_purl(package, distro);
        let mut properties = properties(package, &purl, report.layers());
        if !all {
            properties.extend(package.depends_on.iter().map(|need| own("dependsOn", need)));
        }
        let (supplier, derived) = supplier(package, distro);
        if derived {
            properties.push(own("supplier", "derived"));
        }
        let reference = unique(&mut taken, &purl, package);
        entries.push(Entry {
            package,
            purl,
            reference,
            supplier,
            properties,
            needs,
        });
    }
    entries
}

/// The package URL alone where that is enough, else with the file, else with a number.
fn unique(taken: &mut HashMap<String, usize>, purl: &str, package: &Package) -> String {
    let mut reference = purl.to_owned();
    if taken.contains_key(&reference) && !package.path.is_empty() {
        reference = format!("{purl}#{}", package.path);
        if !package.inner_path.is_empty() {
            reference = format!("{reference}!{}", package.inner_path);
        }
    }
    let base = reference.clone();
    loop {
        match taken.get_mut(&base) {
            None => {
                taken.insert(base, 1);
                return reference;
            }
            Some(count) => {
                *count += 1;
                reference = format!("{base}#{count}");
            }
        }
        if !taken.contains_key(&reference) {
            taken.insert(reference.clone(), 1);
            return reference;
        }
    }
}

/// Who distributes it: what the package says; else its distribution; else its namespace; else
/// the registry. The last three are derived.
fn supplier(package: &Package, distro: Option<&Distro>) -> (String, bool) {
    if !package.supplier.is_empty() {
        return (package.supplier.clone(), false);
    }
    let derived = if package.kind.is_os() {
        distro
            .map(|distro| {
                if distro.name.is_empty() {
                    distro.id.clone()
                } else {
                    distro.name.clone()
                }
            })
            .filter(|name| !name.is_empty())
    } else {
        Some(purl::of(package, None).namespace).filter(|namespace| !namespace.is_empty())
    };
    let registry = || format!("{} registry", package.kind.purl_type());
    (derived.unwrap_or_else(registry), true)
}

/// For each package the indices of what it needs, and whether those tell all of it.
fn needs(packages: &[Package]) -> Vec<(Vec<usize>, bool)> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    if packages
        .iter()
        .any(|package| !package.depends_on.is_empty())
    {
        for (at, package) in packages.iter().enumerate() {
            let key = format!("{}@{}", package.name, package.version);
            by_name.entry(key).or_default().push(at);
        }
    }
    let find = |package: &Package, need: &String| {
        let candidates = by_name.get(need)?;
        // The same lock file first: others may name the same versions.
        let near = candidates
            .iter()
            .find(|at| packages[**at].kind == package.kind && packages[**at].path == package.path);
        near.or_else(|| {
            candidates
                .iter()
                .find(|at| packages[**at].kind == package.kind)
        })
        .copied()
    };
    packages
        .iter()
        .enumerate()
        .map(|(own, package)| {
            let mut seen = HashSet::new();
            let mut all = true;
            let mut found = Vec::new();
            for need in &package.depends_on {
                match find(package, need).filter(|at| *at != own) {
                    Some(at) if seen.insert(at) => found.push(at),
                    _ => all = false,
                }
            }
            (found, all)
        })
        .collect()
}

pub(super) fn own(name: &str, value: &str) -> Property {
    (format!("rampart:{name}"), value.to_owned())
}

/// Group and name, where the format has a field for each.
pub(super) fn split_name(package: &Package) -> (&str, &str) {
    let name = package.name.as_str();
    let parts = match package.kind {
        PackageKind::Npm if name.starts_with('@') => name.split_once('/'),
        PackageKind::Maven => name.split_once(':'),
        PackageKind::Composer => name.split_once('/'),
        _ => None,
    };
    parts
        .filter(|(group, name)| !group.is_empty() && !name.is_empty())
        .unwrap_or(("", name))
}

/// The name again, out of group and name.
pub(super) fn join_name(kind: PackageKind, group: &str, name: &str) -> String {
    match kind {
        _ if group.is_empty() => name.to_owned(),
        PackageKind::Maven => format!("{group}:{name}"),
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Alpm => {
            name.to_owned()
        }
        _ => format!("{group}/{name}"),
    }
}

/// The package that a package URL and the document's own name and version tell of.
pub(super) fn from_purl(purl: &Purl, group: &str, name: &str) -> Option<Package> {
    let mut package = purl.to_package()?;
    // Package URLs fold case and signs that the document's own name keeps.
    let given = join_name(package.kind, group, name);
    if folded(&given).eq(folded(&package.name)) {
        package.name = given;
    }
    Some(package)
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|b| match b {
        b'_' => b'-',
        b => b.to_ascii_lowercase(),
    })
}

/// What reading the package URL, group and name again would not tell.
fn properties(package: &Package, purl: &str, layers: &[Layer]) -> Vec<Property> {
    let (group, name) = split_name(package);
    let read = purl::parse(purl)
        .ok()
        .and_then(|purl| from_purl(&purl, group, name));
    let plain = Package::new(package.kind, "", "");
    if read.is_none() {
        // Without a package URL that can be read again, everything is told.
        return [own("kind", package.kind.purl_type())]
            .into_iter()
            .chain(differences(package, &plain, layers))
            .collect();
    }
    differences(package, &read.unwrap_or(plain), layers)
}

fn differences(package: &Package, known: &Package, layers: &[Layer]) -> Vec<Property> {
    let mut out = Vec::new();
    let mut say = |name: &str, value: &str, known: &str| {
        if value != known {
            out.push(own(name, value));
        }
    };
    say("kind", package.kind.purl_type(), known.kind.purl_type());
    say("name", &package.name, &known.name);
    say("version", &package.version, &known.version);
    say("arch", &package.arch, &known.arch);
    say("module", &package.module, &known.module);
    say("path", &package.path, "");
    say("innerPath", &package.inner_path, "");
    for (name, value) in [
        ("dev", package.dev),
        ("direct", package.direct),
        ("ownedByOs", package.owned_by_os),
        ("inUse", package.in_use),
    ] {
        say(name, if value { "true" } else { "" }, "");
    }
    if let Some(index) = package.layer {
        say("layer:index", &index.to_string(), "");
        let layer = usize::try_from(index).ok().and_then(|at| layers.get(at));
        if let Some(layer) = layer {
            say("layer:digest", &layer.digest, "");
            say("layer:diffId", &layer.diff_id, "");
        }
    }
    if let (Some(source), true) = (&package.source, package.source != known.source) {
        out.push(own("source:name", &source.name));
        out.push(own("source:version", &source.version));
    }
    out
}

/// Takes up what properties tell. Where ours tell licences or hashes one by one, the document's
/// own fields for them say nothing more.
pub(super) fn tell(package: &mut Package, properties: &[Property]) {
    let told = |name: &str| properties.iter().any(|(known, _)| known == name);
    if told("rampart:license") {
        package.licenses.clear();
    }
    if told("rampart:hash") {
        package.hashes.clear();
    }
    for (name, value) in properties {
        apply(package, name, value);
    }
}

/// Hashes as properties, if a format has no word for one of them.
pub(super) fn odd_hashes(package: &Package) -> Vec<Property> {
    if package.hashes.iter().all(|text| hash(text).is_some()) {
        return Vec::new();
    }
    package
        .hashes
        .iter()
        .map(|text| own("hash", text))
        .collect()
}

/// Takes up a property that another program or we wrote; others are passed over.
fn apply(package: &mut Package, name: &str, value: &str) {
    let Some(own) = name.strip_prefix("rampart:") else {
        foreign(package, name, value);
        return;
    };
    let text = || value.to_owned();
    match own {
        "kind" => {
            if let Ok(kind) = value.parse() {
                package.kind = kind;
            }
        }
        "name" => package.name = text(),
        "version" => package.version = text(),
        "arch" => package.arch = text(),
        "module" => package.module = text(),
        "path" => package.path = text(),
        "innerPath" => package.inner_path = text(),
        "dev" => package.dev = value == "true",
        "direct" => package.direct = value == "true",
        "ownedByOs" => package.owned_by_os = value == "true",
        "inUse" => package.in_use = value == "true",
        "source:name" => package.source.get_or_insert_default().name = text(),
        "source:version" => package.source.get_or_insert_default().version = text(),
        "layer:index" => package.layer = value.parse().ok(),
        "supplier" => package.supplier.clear(),
        "supplierText" => package.supplier = text(),
        "dependsOn" => package.depends_on.push(text()),
        "hash" => package.hashes.push(text()),
        "license" => package.licenses.push(text()),
        _ => {}
    }
}

/// The few that other scanners write and matching needs.
fn foreign(package: &mut Package, name: &str, value: &str) {
    let text = || value.to_owned();
    match name {
        "aquasecurity:trivy:FilePath" => package.path = text(),
        "syft:location:0:path" => value.trim_start_matches('/').clone_into(&mut package.path),
        "aquasecurity:trivy:Modularitylabel" | "syft:metadata:modularityLabel" => {
            package.module = text();
        }
        "aquasecurity:trivy:SrcName" | "syft:metadata:source" => {
            package.source.get_or_insert_default().name = text();
        }
        "aquasecurity:trivy:SrcVersion" | "syft:metadata:sourceVersion" => {
            package.source.get_or_insert_default().version = text();
        }
        "aquasecurity:trivy:SrcRelease" => {
            let source = package.source.get_or_insert_default();
            source.version = format!("{}-{value}", source.version);
        }
        "aquasecurity:trivy:SrcEpoch" => {
            let source = package.source.get_or_insert_default();
            source.version = format!("{value}:{}", source.version);
        }
        _ => {}
    }
}

/// Algorithm as the formats spell it (CycloneDX, SPDX) and the digits of a hash.
pub(super) fn hash(text: &str) -> Option<(&'static str, &'static str, &str)> {
    let (name, digits) = text.split_once(':')?;
    let (_, cyclonedx, spdx, length) = ALGORITHMS.iter().find(|(ours, ..)| *ours == name)?;
    let well = digits.len() == *length
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    well.then_some((*cyclonedx, *spdx, digits))
}

/// The hash again, out of a format's spelling; none if algorithm or digits are wrong.
pub(super) fn unhash(algorithm: &str, digits: &str) -> Option<String> {
    let row = ALGORITHMS
        .iter()
        .find(|(_, cyclonedx, spdx, _)| algorithm == *cyclonedx || algorithm == *spdx)?;
    let well = digits.len() == row.3 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    well.then(|| format!("{}:{}", row.0, digits.to_ascii_lowercase()))
}

/// Ours, CycloneDX's, SPDX's, and how many hexadecimal digits.
const ALGORITHMS: &[(&str, &str, &str, usize)] = &[
    ("md5", "MD5", "MD5", 32),
    ("sha1", "SHA-1", "SHA1", 40),
    ("sha256", "SHA-256", "SHA256", 64),
    ("sha384", "SHA-384", "SHA384", 96),
    ("sha512", "SHA-512", "SHA512", 128),
    ("sha3-256", "SHA3-256", "SHA3-256", 64),
    ("sha3-384", "SHA3-384", "SHA3-384", 96),
    ("sha3-512", "SHA3-512", "SHA3-512", 128),
    ("blake2b-256", "BLAKE2b-256", "BLAKE2b-256", 64),
    ("blake2b-384", "BLAKE2b-384", "BLAKE2b-384", 96),
    ("blake2b-512", "BLAKE2b-512", "BLAKE2b-512", 128),
    ("blake3", "BLAKE3", "BLAKE3", 64),
];

/// The distribution's own properties.
pub(super) fn distro_properties(distro: &Distro) -> Vec<Property> {
    let mut out = vec![
        own("distro:version", &distro.version),
        own("distro:fullVersion", &distro.full_version),
        own("distro:name", &distro.name),
        own("distro:codename", &distro.codename),
        own("distro:endOfLifeDate", &distro.end_of_life_date),
    ];
    out.retain(|(_, value)| !value.is_empty());
    out.extend(distro.like.iter().map(|like| own("distro:like", like)));
    if distro.end_of_life {
        out.push(own("distro:endOfLife", "true"));
    }
    out
}

/// A distribution out of a document's name and version for it, and the properties.
pub(super) fn distro(
    name: &str,
    version: &str,
    properties: impl IntoIterator<Item = Property>,
) -> Distro {
    let mut distro = Distro {
        id: name.to_owned(),
        ..Distro::default()
    };
    let mut ours = false;
    for (name, value) in properties {
        let Some(name) = name.strip_prefix("rampart:distro:") else {
            continue;
        };
        ours = true;
        match name {
            "version" => distro.version = value,
            "fullVersion" => distro.full_version = value,
            "name" => distro.name = value,
            "codename" => distro.codename = value,
            "endOfLifeDate" => distro.end_of_life_date = value,
            "like" => distro.like.push(value),
            "endOfLife" => distro.end_of_life = value == "true",
            _ => {}
        }
    }
    if !ours && !version.is_empty() {
        distro.id = distro.id.to_ascii_lowercase();
        distro.version = version.to_owned();
        distro.full_version = version.to_owned();
    }
    distro
}

/// What the target is called.
pub(super) fn label(target: &ScanTarget) -> &str {
    if target.name.is_empty() {
        "unnamed"
    } else {
        &target.name
    }
}

pub(super) fn root_version(target: &ScanTarget) -> &str {
    [&target.digest, &target.tag, &target.image_id]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or("", String::as_str)
}

/// Who made the target, as far as it says.
pub(super) fn root_supplier(report: &ScanReport) -> String {
    let labels = &report.target.labels;
    let vendor = labels
        .get("org.opencontainers.image.vendor")
        .or_else(|| labels.get("org.opencontainers.image.authors"));
    [
        vendor,
        Some(&report.target.author),
        Some(&report.target.registry),
    ]
    .into_iter()
    .flatten()
    .find(|text| !text.is_empty())
    .cloned()
    .unwrap_or_else(|| "unknown".to_owned())
}

pub(super) fn kind_name(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Image => "image",
        TargetKind::Filesystem => "filesystem",
        TargetKind::Rootfs => "rootfs",
        TargetKind::Container => "container",
        TargetKind::Host => "host",
        TargetKind::Sbom => "sbom",
    }
}

/// The package URL of an image that came from a registry.
pub(super) fn image_purl(target: &ScanTarget) -> Option<String> {
    if target.kind != TargetKind::Image || target.digest.is_empty() {
        return None;
    }
    let name = target
        .repository
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())?;
    let mut purl = Purl {
        kind: "oci".to_owned(),
        name: name.to_ascii_lowercase(),
        version: target.digest.clone(),
        ..Purl::default()
    };
    let repository = match target.registry.as_str() {
        "" => target.repository.clone(),
        registry => format!("{registry}/{}", target.repository),
    };
    for (key, value) in [
        ("arch", &target.arch),
        ("repository_url", &repository),
        ("tag", &target.tag),
    ] {
        if !value.is_empty() {
            purl.qualifiers.insert(key.to_owned(), value.clone());
        }
    }
    Some(purl.to_string())
}
