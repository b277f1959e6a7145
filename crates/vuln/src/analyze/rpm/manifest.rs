//! The list of packages that Azure Linux (CBL-Mariner) leaves in images without rpm.
//!
//! `var/lib/rpmmanifest/container-manifest-2`: one package a line, ten fields with tabs between
//! them: name, version-release, two times, vendor, epoch, size, architecture, epoch as a number,
//! source package. `container-manifest-1` beside it says less of the same packages and is not
//! read. Files over 16 MiB are not read.

use super::header::{evr, source};
use crate::analyze::{Analyzer, FileMeta, Sink, Whole};
use rampart_model::package::{Package, PackageKind};

const LIMIT: usize = 16 << 20;
const FILE: &str = "var/lib/rpmmanifest/container-manifest-2";

pub struct RpmManifest;

impl Analyzer for RpmManifest {
    fn name(&self) -> &'static str {
        "rpm-manifest"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.path == FILE
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(file, LIMIT, |file, bytes, out| {
            let (mut packages, broken) = parse(bytes);
            for package in &mut packages {
                package.path.clone_from(&file.path);
            }
            out.packages = packages;
            if broken > 0 {
                out.problem(format!("{broken} lines do not have ten fields"));
            }
        }))
    }
}

/// The packages, and how many lines are not of that form.
pub fn parse(bytes: &[u8]) -> (Vec<Package>, usize) {
    let text = String::from_utf8_lossy(bytes);
    let (mut packages, mut broken) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match package(line) {
            Some(package) => packages.push(package),
            None => broken += 1,
        }
    }
    packages.retain(|package| package.name != "gpg-pubkey");
    (packages, broken)
}

fn package(line: &str) -> Option<Package> {
    let fields: Vec<&str> = line.splitn(11, '\t').collect();
    let [
        name,
        version,
        _,
        _,
        vendor,
        epoch,
        _,
        arch,
        epoch_number,
        source_rpm,
    ] = fields[..]
    else {
        return None;
    };
    let (version, release) = version.rsplit_once('-')?;
    if name.is_empty() || version.is_empty() {
        return None;
    }
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let epoch = number(epoch_number).or_else(|| number(epoch)).unwrap_or(0);
    let known = |text: &str| if text == "(none)" { "" } else { text }.to_owned();
    let mut package = Package::new(PackageKind::Rpm, name, evr(epoch, version, release));
    package.arch = known(arch);
    package.supplier = known(vendor);
    package.source = source(source_rpm.trim(), epoch);
    Some(package)
}
