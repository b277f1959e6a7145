//! The container id in a cgroup path, in the forms runtimes write it.
//!
//! Input comes from the kernel but its names from whoever may make cgroups. Nothing is allocated
//! before a form matches, and the path is walked once.

/// A container's cgroup, found in the path of one of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupRef<'a> {
    /// The container's full id.
    pub id: &'a str,
    /// What runs it, as far as the path tells: a value for `Workload::runtime`, or empty.
    pub runtime: &'static str,
    /// The container's own folder; the process may be in a folder below it.
    pub path: &'a str,
}

/// Prefixes of a component before the id, and the runtime each tells of.
const PREFIXES: [(&str, &str); 9] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("containerd", "containerd"),
    ("crio", "cri-o"),
    ("cri-o", "cri-o"),
    ("libpod", "podman"),
    ("runc", "runc"),
    ("crun", "runc"),
];

/// Prefixes of helpers that sit beside a container in a cgroup named after it.
const HELPERS: [&str; 3] = ["crio-conmon-", "libpod-conmon-", "libpod_pod_"];

/// The container that a path belongs to: the outermost one, because that is the one a runtime of
/// this host knows; what runs inside it, such as another Docker, belongs to it.
///
/// Known are the cgroupfs and systemd forms of Docker, containerd, CRI, CRI-O, Podman and
/// Kubernetes, in which the id is 64 hexadecimal digits.
pub fn container_of(path: &str) -> Option<CgroupRef<'_>> {
    let mut runtime = "";
    let mut end = 0;
    for component in path.split('/') {
        end += component.len();
        let name = component.strip_suffix(".scope").unwrap_or(component);
        if HELPERS.iter().any(|helper| name.starts_with(helper)) {
            return None;
        }
        if let Some((id, hint)) = id_in(name) {
            let runtime = if hint.is_empty() { runtime } else { hint };
            return Some(CgroupRef {
                id,
                runtime,
                path: &path[..end],
            });
        }
        if let Some(hint) = parent_hint(component) {
            runtime = hint;
        }
        end += 1;
    }
    None
}

/// Names in a path that may be the id of a container whose id is any word, as plain runc has:
/// each component, without the decoration systemd's driver gives it. Innermost last.
pub(crate) fn name_candidates(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut end = 0;
    path.split('/').filter_map(move |component| {
        let own = end + component.len();
        end = own + 1;
        let scope = component.strip_suffix(".scope");
        let name = scope.unwrap_or(component);
        let name = name.rsplit(':').next().unwrap_or(name);
        let name = match scope {
            Some(_) => PREFIXES
                .iter()
                .find_map(|(p, _)| name.strip_prefix(p)?.strip_prefix('-'))
                .unwrap_or(name),
            None => name,
        };
        let usable = !name.is_empty() && name != "." && name != ".." && !name.ends_with(".slice");
        usable.then(|| (name, &path[..own]))
    })
}

/// An id as a whole component, after `prefix-`, or after the last `:`.
fn id_in(name: &str) -> Option<(&str, &'static str)> {
    let split = name.len().checked_sub(64)?;
    let (prefix, id) = (name.get(..split)?, name.get(split..)?);
    if !id
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    let Some(prefix) = prefix.strip_suffix(['-', ':']) else {
        return prefix.is_empty().then_some((id, ""));
    };
    let last = prefix.rsplit(':').next().unwrap_or(prefix);
    let known = PREFIXES.iter().find(|(p, _)| *p == last);
    Some((id, known.map_or("", |(_, runtime)| runtime)))
}

fn parent_hint(component: &str) -> Option<&'static str> {
    match component {
        "docker" => Some("docker"),
        "libpod_parent" => Some("podman"),
        "kubepods" | "kubepods.slice" | "k8s.io" | "default" => Some("containerd"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f1c0a9be4d5726883920acf1b2d3e4f5061728394a5b6c7d8e9f00112233445";

    /// `@` stands for the id; the last column is the container's own folder.
    const FORMS: &[(&str, &str, &str)] = &[
        ("/docker/@", "docker", "/docker/@"),
        ("/docker/@/init.scope", "docker", "/docker/@"),
        (
            "/system.slice/docker-@.scope",
            "docker",
            "/system.slice/docker-@.scope",
        ),
        (
            "/custom.slice/docker-@.scope/sub",
            "docker",
            "/custom.slice/docker-@.scope",
        ),
        ("/docker/@/docker/@", "docker", "/docker/@"),
        (
            "/kubepods/besteffort/pod1b2c-33/@",
            "containerd",
            "/kubepods/besteffort/pod1b2c-33/@",
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2c_33.slice/cri-containerd-@.scope",
            "containerd",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2c_33.slice/cri-containerd-@.scope",
        ),
        (
            "/kubepods.slice/kubepods-pod1b2c_33.slice/crio-@.scope",
            "cri-o",
            "/kubepods.slice/kubepods-pod1b2c_33.slice/crio-@.scope",
        ),
        (
            "/kubepods.slice/kubepods-pod1b2c_33.slice/crio-@.scope/container",
            "cri-o",
            "/kubepods.slice/kubepods-pod1b2c_33.slice/crio-@.scope",
        ),
        (
            "/system.slice/containerd.service/kubepods-besteffort-pod1b2c.slice:cri-containerd:@",
            "containerd",
            "/system.slice/containerd.service/kubepods-besteffort-pod1b2c.slice:cri-containerd:@",
        ),
        (
            "/kubelet/kubepods/pod1b2c/@",
            "containerd",
            "/kubelet/kubepods/pod1b2c/@",
        ),
        ("/kubepods-test/@", "", "/kubepods-test/@"),
        (
            "/machine.slice/libpod-@.scope",
            "podman",
            "/machine.slice/libpod-@.scope",
        ),
        (
            "/machine.slice/libpod-@.scope/container",
            "podman",
            "/machine.slice/libpod-@.scope",
        ),
        (
            "/libpod_parent/libpod-@",
            "podman",
            "/libpod_parent/libpod-@",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-@.scope",
            "podman",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-@.scope",
        ),
        ("/default/@", "containerd", "/default/@"),
        (
            "/system.slice/nerdctl-@.scope",
            "containerd",
            "/system.slice/nerdctl-@.scope",
        ),
        ("/ecs/0f3b-77/@", "", "/ecs/0f3b-77/@"),
        ("/../../docker/@", "docker", "/../../docker/@"),
    ];

    const NONE: &[&str] = &[
        "/",
        "",
        "/user.slice/user-0.slice/session-1.scope",
        "/system.slice/docker.service",
        "/machine.slice/libpod-conmon-@.scope",
        "/kubepods.slice/crio-conmon-@.scope",
        "/machine.slice/machine-libpod_pod_@.slice",
        "/docker/3f1c0a9be4d5",
        "/docker/Z@",
        "/é@/x",
    ];

    #[test]
    fn forms_of_every_runtime() {
        for (form, runtime, own) in FORMS {
            let (path, own) = (form.replace('@', ID), own.replace('@', ID));
            // The user slice has an `@` of its own.
            let (path, own) = (
                path.replace(&format!("user{ID}1000"), "user@1000"),
                own.replace(&format!("user{ID}1000"), "user@1000"),
            );
            let found = container_of(&path).unwrap_or_else(|| panic!("{form}: nothing found"));
            assert_eq!(
                (found.id, found.runtime, found.path),
                (ID, *runtime, own.as_str()),
                "{form}"
            );
        }
    }

    #[test]
    fn what_is_no_container() {
        for form in NONE {
            assert_eq!(container_of(&form.replace('@', ID)), None, "{form}");
        }
    }

    #[test]
    fn names_that_are_not_hexadecimal() {
        let all = |path| name_candidates(path).collect::<Vec<_>>();
        assert_eq!(all("/shop-web"), [("shop-web", "/shop-web")]);
        assert_eq!(all("/a/b"), [("a", "/a"), ("b", "/a/b")]);
        assert_eq!(
            all("/system.slice/runc-web.scope"),
            [("web", "/system.slice/runc-web.scope")]
        );
        assert_eq!(
            all("/system.slice:runc:web"),
            [("web", "/system.slice:runc:web")]
        );
        assert_eq!(all("/../x/"), [("x", "/../x")]);
    }
}
