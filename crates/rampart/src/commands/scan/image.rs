//! Where an image comes from: a file, a registry, a daemon, or a store on this machine's disk.

use super::{
    Run,
    args::{ImageArgs, ImageSource},
};
use anyhow::{Result, bail};
use rampart_scanner::source::{
    Source, archive, containerd, docker, docker_root,
    layout::{self, Choice},
    storage,
};
use rampart_scanner::stop::Watched;
use std::{
    env,
    fs::File,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// Where Podman's store is said to be; the last that says so counts.
const STORAGE_CONFIGS: &[&str] = &[
    "/usr/share/containers/storage.conf",
    "/etc/containers/storage.conf",
];

pub(super) fn source(args: &ImageArgs, run: &mut Run) -> Result<Source> {
    let name = args.name.as_deref().unwrap_or_default();
    let mut choice = Choice {
        name: name.to_owned(),
        platform: run.common.platform.clone(),
        stop: run.options.stop.clone(),
    };
    let Some(input) = &args.input else {
        let place = Place::of(name)?;
        let needs_registry = args.attach_sbom.is_some() || !args.sbom_sources.is_empty();
        if needs_registry && run.common.offline {
            bail!("SBOMs are attached to images in registries, which are not asked with --offline");
        }
        if needs_registry && !matches!(place, Place::Usual(_) | Place::Registry(_)) {
            bail!(
                "'{name}': an SBOM is attached to an image in a registry: name it by its registry"
            );
        }
        place.rest().clone_into(&mut choice.name);
        return match place {
            Place::Usual(_) if !needs_registry => named(&choice, run),
            place => open(&place, &choice, run),
        };
    };
    if input.as_os_str() == "-" {
        // Without the standard library's buffer, whose content no poll tells of.
        let pipe = io::stdin().as_fd().try_clone_to_owned()?;
        let reader = Box::new(Watched::new(File::from(pipe), run.options.stop.clone()));
        let stream = archive::Stream::new(Path::new("standard input"), reader, choice);
        return Ok(Source::Stream(stream));
    }
    from_file(input, &choice)
}

/// What the prefix of a name says, as skopeo and Podman write it.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// No prefix: wherever it is found first.
    Usual(&'a str),
    Registry(&'a str),
    Docker(&'a str),
    /// A store of Podman, and its folder if one is named.
    Storage(Option<&'a str>, &'a str),
    File(&'a str, &'a str),
}

impl<'a> Place<'a> {
    fn of(name: &'a str) -> Result<Self> {
        let Some((prefix, rest)) = name.split_once(':') else {
            return Ok(Self::Usual(name));
        };
        Ok(match prefix {
            "docker" if rest.starts_with("//") => Self::Registry(&rest[2..]),
            "docker-daemon" => Self::Docker(rest),
            "containers-storage" => Self::storage(rest)?,
            "oci" | "oci-archive" | "docker-archive" => {
                let (path, name) = rest.split_once(':').unwrap_or((rest, ""));
                Self::File(path, name)
            }
            _ => Self::Usual(name),
        })
    }

    /// `[driver@/graphroot+/runroot:options]name`, all but the name left out at will.
    fn storage(rest: &'a str) -> Result<Self> {
        let Some(inner) = rest.strip_prefix('[') else {
            return Ok(Self::Storage(None, rest));
        };
        let Some((inner, name)) = inner.split_once(']') else {
            bail!("'{rest}': a store is named as [overlay@/folder]NAME");
        };
        let folder = inner.split_once('@').map_or(inner, |(_, folder)| folder);
        let folder = folder.split(['+', ':']).next().unwrap_or_default();
        if !folder.starts_with('/') {
            bail!("'{rest}': a store is named as [overlay@/folder]NAME");
        }
        Ok(Self::Storage(Some(folder), name))
    }

    fn rest(&self) -> &'a str {
        match self {
            Self::Usual(rest) | Self::Registry(rest) | Self::Docker(rest) => rest,
            Self::Storage(_, rest) | Self::File(_, rest) => rest,
        }
    }
}

fn open(place: &Place<'_>, choice: &Choice, run: &mut Run) -> Result<Source> {
    match place {
        Place::Usual(_) | Place::Registry(_) => from_registry(choice, run),
        Place::Docker(_) => from_docker(choice),
        Place::Storage(Some(folder), _) => Ok(storage::open(Path::new(folder), choice)?),
        Place::Storage(None, _) => from_storage(choice),
        Place::File(path, _) => from_file(Path::new(path), choice),
    }
}

/// From the first place that has it. Why the others do not is said when none has.
fn named(choice: &Choice, run: &mut Run) -> Result<Source> {
    let mut reasons = Vec::new();
    for from in run.login.image_src.clone() {
        let found = match from {
            ImageSource::Remote => from_registry(choice, run),
            ImageSource::Docker => from_docker(choice),
            ImageSource::Podman => from_podman(choice),
            ImageSource::Containerd => from_containerd(choice),
        };
        match found {
            Ok(source) => return Ok(source),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    bail!(
        "'{}' was found nowhere: {}",
        choice.name,
        reasons.join("; ")
    )
}

fn from_file(path: &Path, choice: &Choice) -> Result<Source> {
    if path.is_dir() {
        Ok(layout::open(path, choice)?)
    } else {
        Ok(archive::open(path, choice)?)
    }
}

fn from_registry(choice: &Choice, run: &mut Run) -> Result<Source> {
    if run.common.offline {
        bail!("registries are not asked with --offline: give a file with --input");
    }
    let platform = choice.platform.as_ref();
    run.registries
        .image(&choice.name, platform, &run.login, &run.options)
}

/// Of the daemon; of its folder, where it is away.
fn from_docker(choice: &Choice) -> Result<Source> {
    let root = docker_data_root();
    either(from_daemon(&docker_socket(), choice), &root, || {
        Ok(docker_root::open(&root, choice)?)
    })
}

/// Of Podman's service, if one runs; else of the store.
fn from_podman(choice: &Choice) -> Result<Source> {
    let socket = podman_socket();
    match from_daemon(&socket, choice) {
        Err(_) if !socket.exists() => from_storage(choice),
        Err(error) => from_storage(choice).map_err(|_| error),
        found => found,
    }
}

/// The store's answer counts where the store is there.
fn either(
    daemon: Result<Source>,
    folder: &Path,
    store: impl FnOnce() -> Result<Source>,
) -> Result<Source> {
    match daemon {
        Err(_) if folder.is_dir() => store(),
        other => other,
    }
}

/// A daemon gives what it runs; another platform's image is the registry's.
fn from_daemon(socket: &Path, choice: &Choice) -> Result<Source> {
    if choice.platform.is_some() {
        bail!("{}: not asked for another platform", socket.display());
    }
    Ok(docker::open(socket, &choice.name, &choice.stop)?)
}

fn docker_socket() -> PathBuf {
    let set = env::var_os("DOCKER_HOST").and_then(|host| host.into_string().ok());
    let path = set
        .as_deref()
        .and_then(|host| host.strip_prefix("unix://"))
        .map(PathBuf::from);
    path.unwrap_or_else(|| docker::DOCKER_SOCKET.into())
}

fn docker_data_root() -> PathBuf {
    let config = std::fs::read("/etc/docker/daemon.json").unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
    let set = config["data-root"].as_str().map(PathBuf::from);
    set.unwrap_or_else(|| docker_root::ROOT.into())
}

fn podman_socket() -> PathBuf {
    let own = env::var_os("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("podman/podman.sock"));
    own.filter(|path| path.exists())
        .unwrap_or_else(|| docker::PODMAN_SOCKET.into())
}

fn from_storage(choice: &Choice) -> Result<Source> {
    let mut last = None;
    for root in storage_roots() {
        match storage::open(&root, choice) {
            Ok(source) => return Ok(source),
            Err(error) if root.exists() => last = Some(error),
            Err(_) => {}
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => bail!("no store of Podman on this machine"),
    }
}

/// One's own, and the one the configuration names.
fn storage_roots() -> Vec<PathBuf> {
    let folder = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let own = folder("XDG_DATA_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("containers/storage"));
    let mut configs: Vec<PathBuf> = STORAGE_CONFIGS.iter().map(PathBuf::from).collect();
    configs.extend(folder("CONTAINERS_STORAGE_CONF"));
    let named = configs
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .filter_map(|text| graph_root(&text))
        .next_back();
    let system = named.unwrap_or_else(|| storage::ROOT.into());
    own.into_iter().chain([system]).collect()
}

/// `graphroot = "/folder"` of a `storage.conf`.
fn graph_root(config: &str) -> Option<PathBuf> {
    config.lines().find_map(|line| {
        let value = line.trim().strip_prefix("graphroot")?.trim_start();
        let value = value.strip_prefix('=')?.trim();
        let value = value.trim_matches(['"', '\'']);
        value.starts_with('/').then(|| PathBuf::from(value))
    })
}

fn from_containerd(choice: &Choice) -> Result<Source> {
    let mut last = None;
    for root in containerd::ROOTS {
        match containerd::open(Path::new(root), choice) {
            Ok(source) => return Ok(source),
            Err(error) if Path::new(root).exists() => last = Some(error),
            Err(_) => {}
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => bail!("no containerd on this machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (name, expected) in [
            ("debian:12", Place::Usual("debian:12")),
            ("debian", Place::Usual("debian")),
            ("docker:dind", Place::Usual("docker:dind")),
            ("oci-app:1", Place::Usual("oci-app:1")),
            ("docker://a/b:1", Place::Registry("a/b:1")),
            ("docker-daemon:a:1", Place::Docker("a:1")),
            ("containers-storage:a:1", Place::Storage(None, "a:1")),
            (
                "containers-storage:[vfs@/s+/run]a:1",
                Place::Storage(Some("/s"), "a:1"),
            ),
            ("containers-storage:[/s]a", Place::Storage(Some("/s"), "a")),
            ("oci:dir:tag", Place::File("dir", "tag")),
            ("oci-archive:/x.tar", Place::File("/x.tar", "")),
            ("docker-archive:x.tar:a:1", Place::File("x.tar", "a:1")),
        ] {
            assert_eq!(Place::of(name).unwrap(), expected, "{name}");
        }
        for bad in ["containers-storage:[x]a", "containers-storage:[/s"] {
            assert!(Place::of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_store_a_configuration_names() {
        let text =
            "[storage]\ndriver = \"overlay\"\n# graphroot = \"/no\"\ngraphroot = \"/srv/images\"\n";
        assert_eq!(graph_root(text), Some("/srv/images".into()));
        assert_eq!(graph_root("graphrooted = \"/x\"\ngraphroot = x"), None);
    }
}
