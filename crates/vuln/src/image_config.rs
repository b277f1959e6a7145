//! Weak points of an image's configuration: who runs, what stands in environment, labels and
//! history, what is exposed.
//!
//! [`ImageConfig`] is read from the OCI image configuration (`application/vnd.oci.image.config`,
//! Docker's has the same shape) or filled in by the caller; [`check`] is one table of rules, each
//! a function with its own id. Secrets are searched with the rules of [`crate::secret`] and never
//! shown. Limits: [`MAX_TEXTS`] entries a list, [`MAX_TEXT`] bytes an entry; what is cut is told.

use crate::{
    analyze::document::{self, DocumentError, Limits, Node},
    secret::{self, Scanner},
};
use rampart_model::scan::{ConfigIssue, PrivilegedFile, ScanProblem, Secret, Severity};
use std::sync::Arc;

/// Entries of a list that are looked at.
pub const MAX_TEXTS: usize = 2_000;
/// Bytes of one entry.
pub const MAX_TEXT: usize = 64 << 10;

/// What is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `repository:tag` as asked for; empty if it is not known, or named by its digest.
    pub reference: String,
    pub user: String,
    pub env: Vec<String>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub healthcheck: Option<Vec<String>>,
    /// `8080/tcp`
    pub exposed_ports: Vec<String>,
    pub volumes: Vec<String>,
    pub labels: Vec<(String, String)>,
    pub history: Vec<HistoryEntry>,
    /// Setuid and setgid files that are visible in the end.
    pub privileged: Vec<PrivilegedFile>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryEntry {
    pub created_by: String,
    /// Index of its layer; none if it made no layer.
    pub layer: Option<u32>,
}

/// The configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("image configuration: {0}")]
pub struct ConfigError(String);

impl From<DocumentError> for ConfigError {
    fn from(error: DocumentError) -> Self {
        Self(error.to_string())
    }
}

impl ImageConfig {
    /// Reads the configuration's JSON; entries of a wrong type are passed over.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        let document = document::json(json, Limits::INSTALLED)?;
        if !document.is_map() {
            return Err(ConfigError("no JSON object".to_owned()));
        }
        let config = document.get("config");
        let mut layer = 0;
        let history = document.get("history").list().iter().take(MAX_TEXTS);
        let history = history
            .map(|entry| HistoryEntry {
                created_by: cut(entry.text_of("created_by").unwrap_or_default()),
                layer: (!entry.flag_of("empty_layer")).then(|| {
                    layer += 1;
                    layer - 1
                }),
            })
            .collect();
        let labels = config.get("Labels").map().iter().take(MAX_TEXTS);
        Ok(Self {
            reference: String::new(),
            user: cut(config.text_of("User").unwrap_or_default()),
            env: texts(config.get("Env")),
            entrypoint: texts(config.get("Entrypoint")),
            cmd: texts(config.get("Cmd")),
            healthcheck: Some(texts(config.get("Healthcheck").get("Test")))
                .filter(|test| !test.is_empty() && test[0] != "NONE"),
            exposed_ports: texts(config.get("ExposedPorts")),
            volumes: texts(config.get("Volumes")),
            labels: labels
                .filter_map(|(key, value)| Some((cut(key), cut(value.text()?))))
                .collect(),
            history,
            privileged: Vec::new(),
        })
    }
}

fn texts(node: &Node) -> Vec<String> {
    node.names().into_iter().take(MAX_TEXTS).map(cut).collect()
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// What the checks find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFindings {
    pub issues: Vec<ConfigIssue>,
    pub secrets: Vec<Secret>,
    pub problems: Vec<ScanProblem>,
}

/// One check.
pub struct Check {
    pub id: &'static str,
    pub title: &'static str,
    pub severity: Severity,
    pub remediation: &'static str,
    /// What it found, if anything.
    finds: fn(&ImageConfig) -> Option<String>,
}

/// Runs every check.
pub fn check(config: &ImageConfig, scanner: &Arc<Scanner>) -> ConfigFindings {
    let mut out = ConfigFindings {
        secrets: secrets(config, scanner),
        ..ConfigFindings::default()
    };
    for check in CHECKS {
        if let Some(detail) = (check.finds)(config) {
            out.issues.push(issue(check, detail));
        }
    }
    for (path, check) in [
        ("config:env", &SECRET_IN_ENV),
        ("config:history", &SECRET_IN_HISTORY),
        ("config:label", &SECRET_IN_LABEL),
    ] {
        let found: Vec<&Secret> = out
            .secrets
            .iter()
            .filter(|secret| secret.path == path)
            .collect();
        if let Some(first) = found.first() {
            let detail = format!("{} found, the first: {}", found.len(), first.title);
            out.issues.push(issue(check, detail));
        }
    }
    out.issues.sort_by(|a, b| a.id.cmp(&b.id));
    let lists = [config.env.len(), config.labels.len(), config.history.len()];
    if lists.iter().any(|length| *length >= MAX_TEXTS) {
        out.problems.push(ScanProblem {
            path: "config".to_owned(),
            reason: format!("entries past the first {MAX_TEXTS} of a list are not read"),
            layer: None,
        });
    }
    out
}

fn issue(check: &Check, detail: String) -> ConfigIssue {
    ConfigIssue {
        id: check.id.to_owned(),
        title: check.title.to_owned(),
        severity: check.severity,
        // Names of ports and users are the image's words.
        detail: detail
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
        remediation: check.remediation.to_owned(),
    }
}

/// Secrets in environment, labels and history; the line is the entry's number.
fn secrets(config: &ImageConfig, scanner: &Arc<Scanner>) -> Vec<Secret> {
    let labels: Vec<String> = config
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut found = Vec::new();
    let env = config
        .env
        .iter()
        .map(|text| ("config:env", text.as_str(), None));
    let labels = labels
        .iter()
        .map(|text| ("config:label", text.as_str(), None));
    let history = config
        .history
        .iter()
        .map(|entry| ("config:history", entry.created_by.as_str(), entry.layer));
    let mut line = (0, "");
    for (path, text, layer) in env.chain(labels).chain(history) {
        line = if line.1 == path {
            (line.0 + 1, path)
        } else {
            (1, path)
        };
        for mut secret in secret::in_text(scanner, path, text) {
            secret.line = line.0;
            secret.layer = layer;
            found.push(secret);
        }
    }
    found
}

const SECRET_IN_ENV: Check = Check {
    id: "RMP-IMG-002",
    title: "Secret in an environment variable",
    severity: Severity::Critical,
    remediation: "Give the secret to the container when it starts (a secret mount or a secret \
        store), and revoke the one in the image: whoever can pull the image can read it.",
    finds: |_| None,
};
const SECRET_IN_HISTORY: Check = Check {
    id: "RMP-IMG-003",
    title: "Secret in the build history",
    severity: Severity::Critical,
    remediation: "Use secret mounts of the build (RUN --mount=type=secret) instead of ARG or a \
        command line, build anew, and revoke the one that was used.",
    finds: |_| None,
};
const SECRET_IN_LABEL: Check = Check {
    id: "RMP-IMG-004",
    title: "Secret in a label",
    severity: Severity::Critical,
    remediation: "Take it out of the labels and revoke it: labels are shown by every registry.",
    finds: |_| None,
};

/// Every check but those of secrets, which the rules of secrets decide.
pub const CHECKS: &[Check] = &[
    Check {
        id: "RMP-IMG-001",
        title: "Runs as root",
        severity: Severity::Medium,
        remediation: "Add USER with a number other than 0 as the last user of the Dockerfile; a \
            number, so that Kubernetes can enforce runAsNonRoot.",
        finds: root_user,
    },
    Check {
        id: "RMP-IMG-005",
        title: "No health check",
        severity: Severity::Low,
        remediation: "Add HEALTHCHECK to the Dockerfile, or probes to the workload in Kubernetes, \
            which does not look at the image's.",
        finds: |config| {
            config
                .healthcheck
                .is_none()
                .then(|| "no HEALTHCHECK is set".to_owned())
        },
    },
    Check {
        id: "RMP-IMG-006",
        title: "ADD from an address",
        severity: Severity::Medium,
        remediation: "Fetch it in a RUN step with a checksum that is compared, or use ADD \
            --checksum=sha256:…; ADD alone takes whatever the server sends.",
        finds: |config| {
            in_history(config, |line| {
                let rest = instruction(line, "ADD")?;
                let address = rest.split_whitespace().any(|word| {
                    let word = word.trim_start_matches(['[', '"']);
                    word.starts_with("http://") || word.starts_with("https://")
                });
                (address && !rest.contains("--checksum")).then_some(())
            })
        },
    },
    Check {
        id: "RMP-IMG-007",
        title: "sudo in a build step",
        severity: Severity::Low,
        remediation: "Build steps run as root already; do not install sudo, which gives root to \
            whoever gets into the container.",
        finds: |config| {
            in_history(config, |line| {
                words(line).any(|word| word == "sudo").then_some(())
            })
        },
    },
    Check {
        id: "RMP-IMG-008",
        title: "Downloaded script run without a look",
        severity: Severity::Medium,
        remediation: "Save the script, compare its checksum, then run it.",
        finds: |config| in_history(config, piped_to_a_shell),
    },
    Check {
        id: "RMP-IMG-009",
        title: "Tag that moves",
        severity: Severity::Low,
        remediation: "Deploy by digest or by a version's tag: what 'latest' means changes, and \
            nobody can say which build ran.",
        finds: moving_tag,
    },
    Check {
        id: "RMP-IMG-010",
        title: "Privileged port exposed",
        severity: Severity::Low,
        remediation: "Listen on a port above 1023, so that no capability and no root is needed, \
            and map the port in the service.",
        finds: privileged_ports,
    },
    Check {
        id: "RMP-IMG-011",
        title: "Setuid or setgid programs",
        severity: Severity::Low,
        remediation: "Take the bits away (RUN chmod a-s) or the programs, and run with \
            no-new-privileges.",
        finds: setuid_files,
    },
    Check {
        id: "RMP-IMG-012",
        title: "Remote login exposed",
        severity: Severity::Medium,
        remediation: "Do not run an SSH or Telnet server in a container; use the runtime's exec.",
        finds: |config| {
            let found: Vec<&str> = ports(config)
                .filter(|(port, _)| matches!(port, 22 | 23 | 3389))
                .map(|(_, text)| text)
                .collect();
            (!found.is_empty()).then(|| format!("exposes {}", found.join(", ")))
        },
    },
    Check {
        id: "RMP-IMG-013",
        title: "Certificate checks turned off in a build step",
        severity: Severity::Medium,
        remediation: "Install the certificate of the authority that signs for the server, and \
            leave the checks on.",
        finds: |config| {
            const OFF: &[&str] = &[
                "--no-check-certificate",
                "--insecure",
                "--trusted-host",
                "strict-ssl false",
                "http.sslVerify false",
                "--allow-unauthenticated",
                "--allow-untrusted",
                "--nogpgcheck",
                "--no-gpg-checks",
            ];
            in_history(config, |line| {
                let curl =
                    words(line).any(|word| word == "curl") && words(line).any(|word| word == "-k");
                (curl || OFF.iter().any(|off| line.contains(off))).then_some(())
            })
        },
    },
    Check {
        id: "RMP-IMG-014",
        title: "World-writable files made in a build step",
        severity: Severity::Low,
        remediation: "Give the files to the user that needs them (COPY --chown, chmod u+w).",
        finds: |config| {
            in_history(config, |line| {
                let mut words = words(line).skip_while(|word| *word != "chmod").skip(1);
                words
                    .find(|word| !word.starts_with('-'))
                    .is_some_and(|mode| {
                        matches!(
                            mode,
                            "777" | "0777" | "a+rwx" | "ugo+rwx" | "a+w" | "o+w" | "666" | "0666"
                        )
                    })
                    .then_some(())
            })
        },
    },
    Check {
        id: "RMP-IMG-015",
        title: "Sensitive path as a volume",
        severity: Severity::High,
        remediation: "Do not mount the host's runtime socket or system folders into a container.",
        finds: |config| {
            const SENSITIVE: &[&str] = &[
                "/var/run/docker.sock",
                "/run/docker.sock",
                "/run/containerd",
                "/proc",
                "/sys",
                "/etc",
                "/dev",
                "/boot",
                "/",
            ];
            let found = config.volumes.iter().find(|volume| {
                let volume = volume.trim_end_matches('/');
                SENSITIVE.contains(&if volume.is_empty() { "/" } else { volume })
            });
            found.map(|volume| format!("declares the volume {}", short(volume)))
        },
    },
];

/// Names and the empty user mean root, too.
fn root_user(config: &ImageConfig) -> Option<String> {
    let user = config.user.split(':').next().unwrap_or_default().trim();
    match user {
        "" => Some("no USER is set".to_owned()),
        "root" => Some("USER is root".to_owned()),
        _ => (user.parse::<u64>() == Ok(0)).then(|| format!("USER is {}", short(user))),
    }
}

fn moving_tag(config: &ImageConfig) -> Option<String> {
    let reference = config.reference.trim();
    if reference.is_empty() || reference.contains('@') {
        return None;
    }
    let last = reference.rsplit('/').next().unwrap_or(reference);
    let tag = last.split_once(':').map_or("", |(_, tag)| tag);
    matches!(
        tag,
        "" | "latest" | "stable" | "edge" | "nightly" | "master" | "main" | "dev"
    )
    .then(|| {
        let tag = if tag.is_empty() { "latest" } else { tag };
        format!("{} stands for the tag '{tag}'", short(reference))
    })
}

fn ports(config: &ImageConfig) -> impl Iterator<Item = (u32, &str)> {
    config.exposed_ports.iter().filter_map(|text| {
        let first = text.split(['/', '-']).next()?;
        Some((first.parse().ok()?, text.as_str()))
    })
}

fn privileged_ports(config: &ImageConfig) -> Option<String> {
    let low: Vec<String> = ports(config)
        .filter(|(port, _)| (1..1024).contains(port))
        .map(|(_, text)| short(text))
        .take(8)
        .collect();
    (!low.is_empty()).then(|| format!("exposes {}", low.join(", ")))
}

fn setuid_files(config: &ImageConfig) -> Option<String> {
    let first: Vec<String> = config
        .privileged
        .iter()
        .take(5)
        .map(|file| short(&file.path))
        .collect();
    let count = config.privileged.len();
    let more = if count > first.len() { ", …" } else { "" };
    (count > 0).then(|| format!("{count} files: {}{more}", first.join(", ")))
}

/// The first step of the history that fits.
fn in_history(config: &ImageConfig, fits: impl Fn(&str) -> Option<()>) -> Option<String> {
    let mut found = config
        .history
        .iter()
        .filter(|entry| fits(&entry.created_by).is_some());
    let first = found.next()?;
    let more = found.count();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let step = first
        .layer
        .map_or("a step without a layer".to_owned(), |layer| {
            format!("layer {layer}")
        });
    // The command itself may hold a secret: only where it stands is told.
    Some(format!("in the build step of {step}{more}"))
}

/// What follows the instruction, in either way builders write it.
fn instruction<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let line = line.trim_start();
    let line = line
        .strip_prefix("/bin/sh -c #(nop)")
        .unwrap_or(line)
        .trim_start();
    let rest = line.strip_prefix(name)?;
    rest.starts_with([' ', '\t']).then_some(rest)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')'))
        .filter(|word| !word.is_empty())
}

/// `curl … | sh`, `wget -O- … | sudo bash -`, `bash <(curl …)`, `sh -c "$(curl …)"`
fn piped_to_a_shell(line: &str) -> Option<()> {
    const SHELLS: &[&str] = &[
        "sh", "bash", "zsh", "ash", "dash", "ksh", "python", "python3", "perl", "node",
    ];
    let mut fetched = false;
    for command in line.split(['\n', ';']).flat_map(|part| part.split("&&")) {
        for (at, part) in command.split('|').enumerate() {
            let mut parts = words(part).filter(|word| !matches!(*word, "sudo" | "-E" | "env"));
            let program = parts
                .next()
                .map(|word| word.rsplit('/').next().unwrap_or(word));
            if at > 0 && fetched && program.is_some_and(|program| SHELLS.contains(&program)) {
                return Some(());
            }
            fetched =
                (at > 0 && fetched) || words(part).any(|word| matches!(word, "curl" | "wget"));
        }
    }
    let inline = ["<(curl", "<(wget", "$(curl", "$(wget", "`curl", "`wget"];
    let shell = words(line)
        .any(|word| SHELLS.contains(&word.rsplit('/').next().unwrap_or(word)) || word == "eval");
    // Every shell step begins with `/bin/sh -c`: only a second shell or a process is meant.
    let again = words(line)
        .filter(|word| SHELLS.contains(&word.rsplit('/').next().unwrap_or(word)))
        .count()
        > 1
        || line.contains("eval ");
    (shell && again && inline.iter().any(|text| line.contains(text))).then_some(())
}

fn short(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(100)
        .collect()
}
