//! Gradle's `gradle.lockfile` and sbt's `build.sbt.lock`.
//!
//! Limits: [`LIMIT`] bytes each.

use crate::analyze::{Analyzer, FileFacts, FileMeta, Scope, Sink, Whole};
use rampart_model::package::{Package, PackageKind};
use serde::Deserialize;

const LIMIT: usize = 16 << 20;

pub struct GradleLock;

impl Analyzer for GradleLock {
    fn name(&self) -> &'static str {
        "gradle-lock"
    }

    fn scope(&self) -> Scope {
        Scope::Project
    }

    fn wants(&self, file: &FileMeta) -> bool {
        matches!(
            file.file_name(),
            "gradle.lockfile" | "buildscript-gradle.lockfile"
        ) || (file.path.contains("gradle/dependency-locks/") && file.path.ends_with(".lockfile"))
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(file, LIMIT, |_, bytes, out| {
            let (packages, bad) = read_gradle_lock(bytes, &out.path);
            out.packages.extend(packages);
            told(bad, out);
        }))
    }
}

fn told(bad: Vec<usize>, out: &mut FileFacts) {
    if let Some(first) = bad.first() {
        let count = bad.len();
        out.problem(format!(
            "lock file: {count} lines are not group:artifact:version, the first is line {first}"
        ));
    }
}

/// `group:artifact:version=configurations`; what only test configurations name is for development.
/// Second: lines that are nothing of the kind.
pub fn read_gradle_lock(bytes: &[u8], path: &str) -> (Vec<Package>, Vec<usize>) {
    let text = String::from_utf8_lossy(bytes);
    let build_script = path.ends_with("buildscript-gradle.lockfile");
    let of_tests = path
        .rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with("test"));
    let mut packages = Vec::new();
    let mut bad = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let (module, configurations) = line.split_once('=').unwrap_or((line, ""));
        let parts: Vec<&str> = module.split(':').collect();
        let [group, artifact, version] = parts.as_slice() else {
            bad.push(number);
            continue;
        };
        if parts
            .iter()
            .any(|part| part.is_empty() || part.contains(' '))
        {
            bad.push(number);
            continue;
        }
        let tests = match configurations {
            "" => of_tests,
            names => names.split(',').all(is_test_configuration),
        };
        packages.push(Package {
            path: path.to_owned(),
            dev: tests || build_script,
            ..Package::new(PackageKind::Maven, format!("{group}:{artifact}"), *version)
        });
    }
    (packages, bad)
}

fn is_test_configuration(name: &str) -> bool {
    name.starts_with("test") || name.contains("Test")
}

pub struct SbtLock;

impl Analyzer for SbtLock {
    fn name(&self) -> &'static str {
        "sbt-lock"
    }

    fn scope(&self) -> Scope {
        Scope::Project
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "build.sbt.lock"
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(
            file,
            LIMIT,
            |_, bytes, out| match read_sbt_lock(bytes, &out.path) {
                Ok(packages) => out.packages.extend(packages),
                Err(error) => out.problem(format!("build.sbt.lock: {error}")),
            },
        ))
    }
}

#[derive(Deserialize)]
struct Lock {
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    org: String,
    name: String,
    version: String,
    #[serde(default)]
    configurations: Vec<String>,
    #[serde(default)]
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    hash: String,
}

pub fn read_sbt_lock(bytes: &[u8], path: &str) -> Result<Vec<Package>, serde_json::Error> {
    let lock: Lock = serde_json::from_slice(bytes)?;
    let package = |entry: Dependency| {
        let names = &entry.configurations;
        let dev = !names.is_empty() && names.iter().all(|name| name.starts_with("test"));
        let hashes = entry.artifacts.into_iter().map(|artifact| artifact.hash);
        Package {
            path: path.to_owned(),
            dev,
            hashes: hashes.filter(|hash| hash.starts_with("sha")).collect(),
            ..Package::new(
                PackageKind::Maven,
                format!("{}:{}", entry.org, entry.name),
                entry.version,
            )
        }
    };
    Ok(lock.dependencies.into_iter().map(package).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradle_locks() {
        let text = "# This is a Gradle generated file\n\
            com.google.guava:guava:31.1-jre=compileClasspath,runtimeClasspath\n\
            junit:junit:4.13.2=testCompileClasspath,testRuntimeClasspath\n\
            not a line\n:a:1=x\nempty=annotationProcessor\n";
        let (packages, bad) = read_gradle_lock(text.as_bytes(), "app/gradle.lockfile");
        let found: Vec<_> = packages
            .iter()
            .map(|p| (p.name.as_str(), p.version.as_str(), p.dev))
            .collect();
        assert_eq!(
            found,
            [
                ("com.google.guava:guava", "31.1-jre", false),
                ("junit:junit", "4.13.2", true)
            ]
        );
        assert_eq!(bad, [4, 5]);
        let old = "app/gradle/dependency-locks/testCompileClasspath.lockfile";
        let (packages, _) = read_gradle_lock(b"junit:junit:4.13.2\n", old);
        assert!(packages[0].dev);
    }

    #[test]
    fn sbt_locks() {
        let text = r#"{"lockVersion":1,"configurations":["compile","test"],"dependencies":[
            {"org":"org.typelevel","name":"cats-core_2.13","version":"2.9.0",
             "artifacts":[{"name":"cats.jar","hash":"sha1:00"}],"configurations":["compile","test"]},
            {"org":"org.scalatest","name":"scalatest_2.13","version":"3.2.15","configurations":["test"]}]}"#;
        let packages = read_sbt_lock(text.as_bytes(), "build.sbt.lock").unwrap();
        assert_eq!(packages[0].name, "org.typelevel:cats-core_2.13");
        assert_eq!(packages[0].hashes, ["sha1:00"]);
        assert_eq!((packages[0].dev, packages[1].dev), (false, true));
        assert!(read_sbt_lock(b"{}", "").is_err());
    }
}
