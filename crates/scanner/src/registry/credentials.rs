//! Logins: what the user gave, what Docker's and Podman's files keep, what login helpers know.
//!
//! Limits: a helper's name is letters, digits, `-`, `_` and `.`; it must answer within
//! [`HELPER_TIMEOUT`] and with less than [`HELPER_BYTES`].

use super::{Client, Endpoint, RegistryError, cloud, reference};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{collections::HashMap, process::Stdio, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HELPER_TIMEOUT: Duration = Duration::from_secs(20);
const HELPER_BYTES: u64 = 64 << 10;

/// How to identify oneself to one registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    Password {
        username: String,
        password: String,
    },
    /// Exchanged for tokens at the registry's realm.
    IdentityToken(String),
    /// Sent as it is.
    RegistryToken(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Login::Password",
            Self::IdentityToken(_) => "Login::IdentityToken",
            Self::RegistryToken(_) => "Login::RegistryToken",
        })
    }
}

/// Logins by registry.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// For every registry, before anything else.
    pub given: Option<Login>,
    logins: HashMap<String, Login>,
    helpers: HashMap<String, String>,
    default_helper: Option<String>,
}

impl Credentials {
    pub fn given(login: Login) -> Self {
        Self {
            given: Some(login),
            ..Self::default()
        }
    }

    /// Adds what a `config.json` of Docker or an `auth.json` of Podman says; what is there already
    /// stays. False if it is not JSON.
    pub fn add_config(&mut self, content: &[u8]) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(content) else {
            return false;
        };
        for (host, entry) in value["auths"].as_object().into_iter().flatten() {
            if let Some(login) = login(entry) {
                self.logins.entry(plain_host(host)).or_insert(login);
            }
        }
        for (host, helper) in value["credHelpers"].as_object().into_iter().flatten() {
            if let Some(helper) = helper.as_str() {
                self.helpers
                    .entry(plain_host(host))
                    .or_insert_with(|| helper.to_owned());
            }
        }
        if let Some(helper) = value["credsStore"].as_str().filter(|name| !name.is_empty()) {
            self.default_helper.get_or_insert_with(|| helper.to_owned());
        }
        true
    }

    fn kept(&self, host: &str) -> Option<&Login> {
        let hub = reference::is_hub(host).then_some("index.docker.io");
        self.logins
            .get(host)
            .or_else(|| self.logins.get(hub?))
            .or_else(|| self.logins.get("docker.io").filter(|_| hub.is_some()))
    }

    fn helper(&self, host: &str) -> Option<(&str, String)> {
        let hub = reference::is_hub(host);
        let named = self.helpers.get(host).or_else(|| {
            let names = ["index.docker.io", "docker.io"];
            names
                .iter()
                .filter(|_| hub)
                .find_map(|name| self.helpers.get(*name))
        });
        let asked = if hub {
            "https://index.docker.io/v1/".to_owned()
        } else {
            host.to_owned()
        };
        Some((named.or(self.default_helper.as_ref())?, asked))
    }
}

/// `https://host/v1/` is `host`.
fn plain_host(key: &str) -> String {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    if matches!(path, "" | "v1/" | "v1" | "v2/" | "v2") {
        host.to_owned()
    } else {
        key.to_owned()
    }
}

fn login(entry: &Value) -> Option<Login> {
    let text = |key: &str| {
        entry[key]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if let Some(token) = text("identitytoken") {
        return Some(Login::IdentityToken(token));
    }
    if let Some(token) = text("registrytoken") {
        return Some(Login::RegistryToken(token));
    }
    let decoded = text("auth").and_then(|auth| STANDARD.decode(auth.trim()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
    match pair {
        Some((username, password)) => Some(Login::Password {
            username: username.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        }),
        None => Some(Login::Password {
            username: text("username")?,
            password: text("password")?,
        }),
    }
}

impl Client {
    /// Given, kept, from a helper, from the cloud the registry belongs to; else anonymous.
    pub(super) async fn login(&self, endpoint: &Endpoint) -> Result<Option<Login>, RegistryError> {
        let credentials = &self.settings.credentials;
        if let Some(login) = credentials
            .given
            .as_ref()
            .or_else(|| credentials.kept(&endpoint.host))
        {
            return Ok(Some(login.clone()));
        }
        if let Some((helper, asked)) = credentials.helper(&endpoint.host)
            && let Some(login) = ask_helper(helper, &asked).await?
        {
            return Ok(Some(login));
        }
        cloud::login(self, &endpoint.host).await
    }
}

/// None when the helper knows no login for this registry.
async fn ask_helper(helper: &str, host: &str) -> Result<Option<Login>, RegistryError> {
    let failed = |reason: String| RegistryError::Helper {
        helper: helper.to_owned(),
        reason,
    };
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if helper.is_empty() || !helper.bytes().all(fine) {
        return Err(failed("this is no helper's name".into()));
    }
    let answer = tokio::time::timeout(HELPER_TIMEOUT, run_helper(helper, host)).await;
    let (success, output) = match answer {
        Ok(answer) => answer.map_err(|error| failed(error.to_string()))?,
        Err(_) => {
            return Err(failed(format!(
                "no answer within {} s",
                HELPER_TIMEOUT.as_secs()
            )));
        }
    };
    if !success {
        let text = String::from_utf8_lossy(&output);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(text.trim().chars().take(200).collect()));
    }
    let value: Value =
        serde_json::from_slice(&output).map_err(|error| failed(error.to_string()))?;
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let (username, secret) = (text("Username"), text("Secret"));
    Ok(match username.as_str() {
        _ if secret.is_empty() => None,
        "<token>" => Some(Login::IdentityToken(secret)),
        _ => Some(Login::Password {
            username,
            password: secret,
        }),
    })
}

async fn run_helper(helper: &str, host: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = tokio::process::Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read answers all the same.
        let _ = input.write_all(host.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(HELPER_BYTES).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_docker_and_podman() {
        let mut credentials = Credentials::default();
        let config = br#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "dTpw"},
            "a.example:5000": {"auth": "eDp5Onoh"},
            "b.example": {"identitytoken": "id"},
            "c.example": {"username": "n", "password": "m"},
            "d.example": {}
        }, "credHelpers": {"e.example": "ecr-login"}, "credsStore": "pass"}"#;
        assert!(credentials.add_config(config));
        assert!(!credentials.add_config(b"{"));
        let password = |username: &str, password: &str| {
            Some(Login::Password {
                username: username.into(),
                password: password.into(),
            })
        };
        for (host, expected) in [
            ("docker.io", password("u", "p")),
            ("a.example:5000", password("x", "y:z!")),
            ("b.example", Some(Login::IdentityToken("id".into()))),
            ("c.example", password("n", "m")),
            ("d.example", None),
        ] {
            assert!(credentials.kept(host) == expected.as_ref(), "{host}");
        }
        assert_eq!(
            credentials.helper("e.example"),
            Some(("ecr-login", "e.example".into()))
        );
        assert_eq!(
            credentials.helper("docker.io"),
            Some(("pass", "https://index.docker.io/v1/".into()))
        );
        assert_eq!(
            format!("{:?}", credentials.kept("c.example")),
            "Some(Login::Password)"
        );
    }
}
