//! Checks of the image configuration, and of files' modes.

use rampart_model::scan::PrivilegedFile;
use rampart_vuln::{
    analyze::{Analyzer, FileFacts, FileMeta, privileged::PRIVILEGED},
    image_config::{CHECKS, HistoryEntry, ImageConfig, check},
    secret::Scanner,
};
use std::sync::Arc;

const TOKEN: &str = "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";

fn issues(config: &ImageConfig) -> Vec<String> {
    let found = check(config, &Arc::new(Scanner::builtin()));
    found
        .issues
        .into_iter()
        .map(|issue| issue.id.trim_start_matches("RMP-IMG-").to_owned())
        .collect()
}

fn good() -> ImageConfig {
    ImageConfig {
        reference: "registry.example.org/app:1.2.3".into(),
        user: "10001:10001".into(),
        env: vec!["PATH=/usr/bin".into(), "LANG=C.UTF-8".into()],
        healthcheck: Some(vec!["CMD".into(), "/check".into()]),
        exposed_ports: vec!["8080/tcp".into()],
        ..ImageConfig::default()
    }
}

/// A config with this step, which needs nothing else.
fn step(created_by: &str) -> ImageConfig {
    ImageConfig {
        history: vec![
            HistoryEntry {
                created_by: "/bin/sh -c #(nop) ADD file:0123 in /".into(),
                layer: Some(0),
            },
            HistoryEntry {
                created_by: created_by.into(),
                layer: Some(1),
            },
        ],
        ..good()
    }
}

#[test]
fn a_good_image_has_no_issue() {
    assert_eq!(issues(&good()), Vec::<String>::new());
    assert_eq!(
        issues(&step(
            "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit"
        )),
        Vec::<String>::new()
    );
}

#[test]
fn each_name_of_root() {
    for user in ["", "0:0", "root", "00"] {
        let config = ImageConfig {
            user: user.into(),
            ..good()
        };
        assert_eq!(issues(&config), ["001"], "{config:?}");
    }
}

#[test]
fn each_check_of_a_setting_by_itself() {
    let privileged = PrivilegedFile {
        path: "usr/bin/su".into(),
        mode: 0o4755,
        ..PrivilegedFile::default()
    };
    let cases = [
        (
            "002",
            ImageConfig {
                env: vec![format!("GITHUB_TOKEN={TOKEN}")],
                ..good()
            },
        ),
        (
            "002",
            ImageConfig {
                env: vec!["DB_PASSWORD=k7Gq2Lp9ZxWv".into()],
                ..good()
            },
        ),
        (
            "004",
            ImageConfig {
                labels: vec![("ci".into(), TOKEN.into())],
                ..good()
            },
        ),
        (
            "005",
            ImageConfig {
                healthcheck: None,
                ..good()
            },
        ),
        (
            "009",
            ImageConfig {
                reference: "app".into(),
                ..good()
            },
        ),
        (
            "009",
            ImageConfig {
                reference: "r.example.org:5000/app:latest".into(),
                ..good()
            },
        ),
        (
            "009",
            ImageConfig {
                reference: "r.example.org:5000/app".into(),
                ..good()
            },
        ),
        (
            "010",
            ImageConfig {
                exposed_ports: vec!["80/tcp".into(), "x".into()],
                ..good()
            },
        ),
        (
            "011",
            ImageConfig {
                privileged: vec![privileged],
                ..good()
            },
        ),
        (
            "015",
            ImageConfig {
                volumes: vec!["/var/run/docker.sock".into()],
                ..good()
            },
        ),
    ];
    for (want, config) in &cases {
        assert_eq!(issues(config), [*want], "{config:?}");
    }
    assert_eq!(
        issues(&ImageConfig {
            exposed_ports: vec!["22/tcp".into()],
            ..good()
        }),
        ["010", "012"]
    );
    let fine = ImageConfig {
        reference: "app@sha256:00".into(),
        ..good()
    };
    assert_eq!(issues(&fine), Vec::<String>::new(), "{fine:?}");
}

#[test]
fn each_check_of_a_step_by_itself() {
    let cases = [
        ("003", step(&format!("|1 TOKEN={TOKEN} /bin/sh -c npm ci"))),
        (
            "006",
            step("/bin/sh -c #(nop) ADD https://example.org/a.tgz in /"),
        ),
        ("006", step("ADD http://example.org/a.tgz / # buildkit")),
        ("007", step("RUN /bin/sh -c apt-get install -y sudo")),
        (
            "008",
            step("RUN /bin/sh -c curl -sSf https://example.org/i | sh"),
        ),
        (
            "008",
            step("/bin/sh -c wget -qO- https://example.org/i | gunzip | bash -s -- -y"),
        ),
        (
            "008",
            step("/bin/sh -c bash <(curl -s https://example.org/i)"),
        ),
        (
            "013",
            step("RUN /bin/sh -c curl -k https://example.org/x -o x"),
        ),
        (
            "013",
            step("RUN /bin/sh -c wget --no-check-certificate https://example.org/x"),
        ),
        ("014", step("RUN /bin/sh -c chmod -R 777 /app")),
    ];
    for (want, config) in &cases {
        assert_eq!(issues(config), [*want], "{config:?}");
    }
    for fine in [
        step("ADD --checksum=sha256:00 https://example.org/a.tgz /"),
        step("RUN /bin/sh -c curl -o x https://example.org/x && sha256sum -c x.sum && sh x"),
        step("RUN /bin/sh -c echo curl; cat x | sh"),
    ] {
        assert_eq!(issues(&fine), Vec::<String>::new(), "{fine:?}");
    }
}

#[test]
fn secrets_are_told_by_place_and_masked() {
    let config = ImageConfig {
        env: vec!["A=b".into(), format!("T={TOKEN}")],
        ..step(&format!("RUN x {TOKEN}"))
    };
    let found = check(&config, &Arc::new(Scanner::builtin()));
    let told: Vec<(&str, u32, Option<u32>)> = found
        .secrets
        .iter()
        .map(|s| (s.path.as_str(), s.line, s.layer))
        .collect();
    assert_eq!(
        told,
        [("config:env", 2, None), ("config:history", 2, Some(1))]
    );
    assert!(!format!("{found:?}").contains("zQWBuTSO"));
    for issue in &found.issues {
        assert!(!issue.remediation.is_empty() && !issue.detail.is_empty());
    }
}

#[test]
fn reads_the_configuration_of_an_image() {
    let config = ImageConfig::parse(
        br#"{"architecture":"amd64","config":{"User":"app","Env":["A=b",7],"Entrypoint":["/x"],"Cmd":null,
            "ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"Labels":{"a":"b","c":1},
            "Healthcheck":{"Test":["CMD-SHELL","true"]}},
            "history":[{"created_by":"ADD x","empty_layer":true},{"created_by":"RUN y"},{"created_by":"COPY z"}]}"#,
    )
    .unwrap();
    assert_eq!(config.user, "app");
    assert_eq!(config.env, ["A=b", "7"]);
    assert_eq!(config.exposed_ports, ["80/tcp"]);
    assert_eq!(config.volumes, ["/data"]);
    assert_eq!(config.labels.len(), 2);
    assert!(config.healthcheck.is_some());
    let layers: Vec<Option<u32>> = config.history.iter().map(|entry| entry.layer).collect();
    assert_eq!(layers, [None, Some(0), Some(1)]);
    let none = ImageConfig::parse(br#"{"config":{"Healthcheck":{"Test":["NONE"]}}}"#).unwrap();
    assert!(none.healthcheck.is_none());
    for broken in ["", "[]", "7", "{\"config\":"] {
        assert!(ImageConfig::parse(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn ids_are_unique() {
    let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CHECKS.len());
}

#[test]
fn setuid_and_setgid_by_mode() {
    for (mode, want) in [
        (0o4755, true),
        (0o2755, true),
        (0o6711, true),
        (0o4644, false),
        (0o2644, false),
        (0o2705, false),
        (0o1777, false),
        (0o755, false),
    ] {
        let meta = FileMeta {
            path: "usr/bin/x".into(),
            mode,
            uid: 0,
            gid: 5,
            size: 0,
        };
        assert_eq!(PRIVILEGED.wants(&meta), want, "{mode:o}");
        if want {
            let mut facts = FileFacts::default();
            PRIVILEGED
                .open(&meta, b"")
                .unwrap()
                .finish(false, &mut facts);
            let file = facts.privileged.unwrap();
            assert_eq!(
                (file.path.as_str(), file.mode, file.gid),
                ("usr/bin/x", mode, 5)
            );
        }
    }
}

/// A port's name is the image's text: it must not reach a terminal as a command.
#[test]
fn details_hold_no_control_characters() {
    let config = ImageConfig {
        user: "ro\u{1b}[2Jot\u{9b}".into(),
        exposed_ports: vec!["22/tc\u{7f}\u{85}p".into(), "23\n/tcp".into()],
        ..step("RUN curl http://x\u{1b}]0;x | sh && chmod 777 /\r")
    };
    let found = check(&config, &Arc::new(Scanner::builtin()));
    assert!(!found.issues.is_empty());
    for issue in found.issues {
        let detail = &issue.detail;
        assert!(!detail.chars().any(char::is_control), "{detail:?}");
    }
}
