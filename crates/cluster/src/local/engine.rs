//! What Docker and Podman keep on disk of a container: its name, image and labels, written when it
//! is created and so there before its first exec.

use super::state::load;
use crate::{diagnostics::Diagnostics, json, runtime::docker_config, time};
use rampart_model::Workload;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `config.v2.json` and `hostconfig.json` of Docker, found below one of its data folders or beside
/// the files it mounts into the container (its data folder may be anywhere).
pub(crate) fn apply_docker(roots: &[PathBuf], diagnostics: &Diagnostics, out: &mut Workload) {
    let id = out.id.as_str().to_owned();
    let mounted = out.mounts.iter().find(|m| m.destination == "/etc/hostname");
    let beside = mounted
        .and_then(|m| Path::new(&m.source).parent())
        .map(Path::to_owned);
    let usual = roots.iter().map(|root| root.join("containers").join(&id));
    for folder in beside.into_iter().filter(|f| f.ends_with(&id)).chain(usual) {
        let Some(config) = load(&folder.join("config.v2.json"), diagnostics) else {
            continue;
        };
        let host = load(&folder.join("hostconfig.json"), diagnostics).unwrap_or(Value::Null);
        docker_config::apply_config(&config, out);
        docker_config::apply_host_config(&host, out);
        out.runtime = "docker".to_owned();
        return;
    }
}

/// Podman's bundle is `STORAGE/overlay-containers/ID/userdata`; the list of names and images is two
/// folders up. Labels are in its database only, and come with its socket.
pub(crate) fn apply_podman(bundle: &Path, diagnostics: &Diagnostics, out: &mut Workload) {
    if !bundle.ends_with("userdata") {
        return;
    }
    out.runtime = "podman".to_owned();
    let Some(storage) = bundle.parent().and_then(Path::parent) else {
        return;
    };
    for list in ["containers.json", "volatile-containers.json"] {
        let Some(all) = load(&storage.join(list), diagnostics) else {
            continue;
        };
        let found = all
            .as_array()
            .and_then(|all| all.iter().find(|c| json::text(c, "/id") == out.id.as_str()));
        if let Some(container) = found {
            return apply_storage(container, out);
        }
    }
}

/// An entry of containers/storage; its metadata is JSON in a string.
fn apply_storage(container: &Value, out: &mut Workload) {
    if let Some(name) = json::texts(container, "/names").into_iter().next() {
        out.name = name;
    }
    out.created_at = time::rfc3339(&json::text(container, "/created"));
    let Ok(metadata) = serde_json::from_str::<Value>(&json::text(container, "/metadata")) else {
        return;
    };
    for (pointer, field) in [("/image-name", &mut out.image), ("/name", &mut out.name)] {
        let value = json::text(&metadata, pointer);
        if !value.is_empty() {
            *field = value;
        }
    }
    let image = json::text(&metadata, "/image-id");
    if out.image_digest.is_empty() && !image.is_empty() {
        out.image_digest = format!("sha256:{image}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::workload::Mount;
    use serde_json::json;
    use std::fs;

    #[test]
    fn docker_folder_is_found_beside_its_mounts() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder = dir.path().join("elsewhere/containers/abc");
        fs::create_dir_all(&folder).expect("folder");
        let config = json!({ "Name": "/web", "Image": "sha256:11",
            "Config": { "Image": "nginx:1", "Labels": { "com.docker.compose.service": "web" }, "User": "www" } });
        fs::write(folder.join("config.v2.json"), config.to_string()).expect("file");
        fs::write(
            folder.join("hostconfig.json"),
            r#"{"Privileged":true,"NetworkMode":"host"}"#,
        )
        .expect("file");
        let source = folder.join("hostname").to_string_lossy().into_owned();
        let mut out = Workload {
            id: "abc".into(),
            mounts: vec![Mount {
                source,
                destination: "/etc/hostname".into(),
                read_only: false,
            }],
            ..Workload::default()
        };
        apply_docker(&[], &Diagnostics::default(), &mut out);
        assert_eq!(
            (out.name.as_str(), out.image.as_str(), out.runtime.as_str()),
            ("web", "nginx:1", "docker")
        );
        assert!(out.privileged && out.host_network && !out.run_as_root);
        assert_eq!(out.labels["com.docker.compose.service"], "web");
    }

    #[test]
    fn podman_storage_list() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let bundle = dir.path().join("overlay-containers/abc/userdata");
        fs::create_dir_all(&bundle).expect("folder");
        let list = json!([{ "id": "other" }, { "id": "abc", "names": ["web"],
            "metadata": r#"{"image-name":"localhost/nginx:1","image-id":"22","name":"web"}"# }]);
        fs::write(
            dir.path().join("overlay-containers/containers.json"),
            list.to_string(),
        )
        .expect("file");
        let mut out = Workload {
            id: "abc".into(),
            image: "/rootfs".into(),
            ..Workload::default()
        };
        apply_podman(&bundle, &Diagnostics::default(), &mut out);
        assert_eq!(
            (
                out.name.as_str(),
                out.image.as_str(),
                out.image_digest.as_str()
            ),
            ("web", "localhost/nginx:1", "sha256:22")
        );
    }
}
