//! A registry that is scanned: where it is, how to sign in, what of it, and when.

use crate::{ConfigSource, Timestamp, mode::names};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A password or key that is kept. It is never printed: not by `Debug`, not in an answer.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whoever signs in with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "" } else { "***" })
    }
}

/// NeuVector's names of registries. All speak OCI distribution; they differ in how one signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryKind {
    #[default]
    Docker,
    Ecr,
    Acr,
    Gcr,
    Jfrog,
    Openshift,
    RedHat,
    Nexus,
    Gitlab,
    Ibm,
    Harbor,
    Github,
}

names!(RegistryKind {
    Docker = "Docker Registry",
    Ecr = "Amazon ECR Registry",
    Acr = "Azure Container Registry",
    Gcr = "Google Container Registry",
    Jfrog = "JFrog Artifactory",
    Openshift = "OpenShift Registry",
    RedHat = "Red Hat Public Registry",
    Nexus = "Sonatype Nexus",
    Gitlab = "Gitlab",
    Ibm = "IBM Cloud Container Registry",
    Harbor = "Harbor Registry",
    Github = "GitHub Container Registry",
});

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// When somebody asks.
    #[default]
    Manual,
    /// New images, soon after they are pushed.
    Auto,
    /// Every [`Registry::interval_secs`].
    Periodical,
}

names!(ScheduleKind {
    Manual = "manual",
    Auto = "auto",
    Periodical = "periodical",
});

/// Keys of an Amazon account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AwsKey {
    pub id: String,
    pub access_key_id: Hidden,
    pub secret_access_key: Hidden,
    pub region: String,
}

/// How one signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryAuth {
    pub username: String,
    pub password: Hidden,
    /// The token instead of user and password.
    pub with_token: bool,
    pub token: Hidden,
    pub aws: Option<AwsKey>,
    /// A Google service account's key file, JSON.
    pub gcr_json_key: Hidden,
    pub gitlab_external_url: String,
    pub gitlab_private_token: Hidden,
    pub ibm_token_url: String,
    pub ibm_account: String,
    /// `Repository Path`, `Subdomain` or `Port`: where JFrog puts the repository's name.
    pub jfrog_mode: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registry {
    pub name: String,
    pub kind: RegistryKind,
    /// `https://registry.example/`.
    pub url: String,
    pub auth: RegistryAuth,
    /// `repository:tag` with `*`, or with a regular expression for the tag; empty tag is any.
    pub filters: Vec<String>,
    /// Domains whose users see it; empty is everybody with the right.
    pub domains: Vec<String>,
    pub schedule: ScheduleKind,
    pub interval_secs: u32,
    pub rescan_after_db_update: bool,
    /// Repositories taken, and newest tags of each; 0 is all.
    pub repo_limit: u32,
    pub tag_limit: u32,
    /// Findings by layer are asked for.
    pub scan_layers: bool,
    pub ignore_proxy: bool,
    /// Ask Artifactory's own query language for the list of images.
    pub jfrog_aql: bool,
    pub source: ConfigSource,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// An image a registry was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryImage {
    pub repository: String,
    pub tag: String,
    /// Of the manifest or of the index, as the registry names it: `sha256:…`.
    pub digest: String,
}

/// What is known of a registry's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryListing {
    pub images: Vec<RegistryImage>,
    /// When the last listing began and ended; unknown if there was none.
    pub started_at: Timestamp,
    pub listed_at: Timestamp,
    /// Why the last listing failed, or what of it is missing; empty if all went well.
    pub error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let auth = RegistryAuth {
            username: "ci".into(),
            password: Hidden::new("hunter2"),
            ..RegistryAuth::default()
        };
        let text = format!("{auth:?}");
        assert!(
            text.contains("ci") && text.contains("***") && !text.contains("hunter2"),
            "{text}"
        );
        assert_eq!(
            RegistryKind::parse("docker registry"),
            Some(RegistryKind::Docker)
        );
    }
}
