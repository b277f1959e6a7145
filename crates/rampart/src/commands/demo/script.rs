//! The demo's shell scripts and what they print.

use anyhow::{Context, Result, bail};
use rampart_model::Mode;
use serde::Deserialize;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(super) struct Scripts(PathBuf);

/// Last line of `up.sh`.
#[derive(Deserialize)]
pub(super) struct Shop {
    pub(super) project: String,
}

/// One line of `attack.sh`.
#[derive(Deserialize, Clone, Debug)]
pub(super) struct Outcome {
    pub(super) attack: String,
    pub(super) target: String,
    pub(super) exit: i32,
    pub(super) stopped: bool,
    /// `succeeded`, `denied`, `killed`, `dropped` or `error`.
    pub(super) outcome: String,
    pub(super) detail: String,
}

/// Attack, the word for it, and a piece of the record that tells it from others.
const KNOWN: &[(&str, &str, &[&str])] = &[
    (
        "shell",
        "a shell by exec",
        &["/bin/sh", "/dash", "/busybox"],
    ),
    ("nc", "netcat to the database", &["/nc"]),
    ("drop", "a dropped program", &["/tmp/.cache-"]),
    (
        "memfd",
        "a program in memory only",
        &["memfd", "/proc/self/fd"],
    ),
    ("passwd", "a write to /etc/passwd", &["/etc/passwd"]),
    (
        "setuid",
        "a setuid escalation",
        &["/find", "Privilege", "/id"],
    ),
    ("outbound", "a connection nobody learned", &["4444"]),
];

pub(super) fn title(attack: &str) -> &str {
    KNOWN
        .iter()
        .find(|(name, _, _)| *name == attack)
        .map_or(attack, |(_, title, _)| title)
}

/// Whether a record is of this attack: its target's, its mark in it, and the action of the mode.
pub(super) fn tells_of(row: &Value, outcome: &Outcome, mode: Mode) -> bool {
    let text = row.to_string();
    let Some((_, _, marks)) = KNOWN.iter().find(|(name, _, _)| *name == outcome.attack) else {
        return text.contains(&outcome.target);
    };
    let action = row["action"]
        .as_str()
        .or_else(|| row["policy_action"].as_str())
        .unwrap_or_default();
    let wanted = if mode == Mode::Protect {
        action == "deny"
    } else {
        true
    };
    wanted && text.contains(&outcome.target) && marks.iter().any(|mark| text.contains(mark))
}

impl Scripts {
    pub(super) fn find(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| {
            format!(
                "no demo scripts in {}: run this in Rampart's folder, or name it with --scripts",
                folder.display()
            )
        })?;
        if !folder.join("attack.sh").is_file() {
            bail!("{} has no attack.sh", folder.display());
        }
        Ok(Self(folder))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn up(&self) -> Result<Shop> {
        let text = self.run("up.sh", &[])?;
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("up.sh ended with {last:?}"))
    }

    pub(super) fn down(&self) -> Result<()> {
        self.run("down.sh", &[]).map(drop)
    }

    pub(super) fn attacks(&self) -> Result<Vec<String>> {
        Ok(self
            .run("attack.sh", &["list"])?
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Tries one attack; an attack that could not be tried is an error, not a success of ours.
    pub(super) fn attack(&self, name: &str) -> Result<Outcome> {
        let text = self.run("attack.sh", &[name])?;
        let outcome: Outcome = serde_json::from_str(text.trim())
            .with_context(|| format!("attack.sh {name} printed {text:?}"))?;
        if outcome.outcome == "error" {
            bail!("the attack {name} could not be tried: {}", outcome.detail);
        }
        Ok(outcome)
    }

    fn run(&self, name: &str, args: &[&str]) -> Result<String> {
        let output = Command::new(self.path(name))
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", self.path(name).display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!(
                "{name} {} failed ({}): {}",
                args.join(" "),
                output.status,
                text.trim()
            );
        }
        Ok(text)
    }
}
