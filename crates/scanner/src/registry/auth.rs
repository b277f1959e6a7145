//! Answers to `WWW-Authenticate`: basic, and bearer tokens from the realm it names.
//!
//! Limits: credentials go to a realm only over HTTPS, unless the registry itself is spoken to in
//! plain HTTP; a token is used for at most an hour, whatever its answer says.

use super::{Client, Endpoint, RegistryError, credentials::Login};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const DEFAULT_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
const CLIENT_ID: &str = "rampart";

#[derive(Clone, Debug)]
pub(super) enum Authorization {
    Basic(String),
    Bearer { token: String, until: Instant },
}

/// Authorisations by registry and scope.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<(String, String), Authorization>>);

impl Tokens {
    pub(super) fn get(&self, host: &str, scope: &str) -> Option<Authorization> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(&(host.to_owned(), scope.to_owned()))?;
        match found {
            Authorization::Bearer { until, .. } if Instant::now() >= *until => None,
            usable => Some(usable.clone()),
        }
    }

    pub(super) fn put(&self, host: &str, scope: &str, authorization: Authorization) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((host.to_owned(), scope.to_owned()), authorization);
    }
}

/// One way in that the registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Lower case.
    pub(super) scheme: String,
    pub(super) parameters: HashMap<String, String>,
}

pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(challenge)
        .collect()
}

/// `Bearer realm="…",service="…",scope="…"`.
fn challenge(text: &str) -> Option<Challenge> {
    let (scheme, mut rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let mut parameters = HashMap::new();
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_ascii_lowercase();
        let value;
        if let Some(quoted) = after.strip_prefix('"') {
            let end = quoted.find('"')?;
            value = &quoted[..end];
            rest = &quoted[end + 1..];
        } else {
            let end = after.find(',').unwrap_or(after.len());
            value = after[..end].trim();
            rest = &after[end..];
        }
        parameters.insert(key, value.to_owned());
    }
    Some(Challenge {
        scheme: scheme.to_ascii_lowercase(),
        parameters,
    })
}

impl Client {
    pub(super) async fn authorize(
        &self,
        endpoint: &Endpoint,
        scope: &str,
        challenges: &[Challenge],
        what: &str,
    ) -> Result<Authorization, RegistryError> {
        let login = self.login(endpoint).await?;
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|challenge| challenge.scheme == scheme)
        };
        if let Some(bearer) = of("bearer") {
            return self
                .bearer(endpoint, scope, bearer, login.as_ref(), what)
                .await;
        }
        match (of("basic"), login) {
            (Some(_), Some(Login::Password { username, password })) => Ok(Authorization::Basic(
                STANDARD.encode(format!("{username}:{password}")),
            )),
            (Some(_), Some(Login::RegistryToken(token))) => Ok(long_lived(token)),
            (Some(_), _) => Err(denied(
                endpoint,
                what,
                "it wants a user name and a password",
            )),
            (None, _) => Err(denied(
                endpoint,
                what,
                "it wants a login of a kind that is not known here",
            )),
        }
    }

    async fn bearer(
        &self,
        endpoint: &Endpoint,
        scope: &str,
        challenge: &Challenge,
        login: Option<&Login>,
        what: &str,
    ) -> Result<Authorization, RegistryError> {
        if let Some(Login::RegistryToken(token)) = login {
            return Ok(long_lived(token.clone()));
        }
        let realm = challenge
            .parameters
            .get("realm")
            .map(String::as_str)
            .unwrap_or_default();
        let secure =
            realm.starts_with("https://") || endpoint.is_plain() && realm.starts_with("http://");
        if !secure {
            return Err(denied(
                endpoint,
                what,
                &format!("it sends logins to '{realm}', which is not safe"),
            ));
        }
        let service = challenge
            .parameters
            .get("service")
            .map(String::as_str)
            .unwrap_or_default();
        let scope = challenge
            .parameters
            .get("scope")
            .map_or(scope, String::as_str);
        let request = match login {
            Some(Login::IdentityToken(token)) => self
                .http
                .post(realm)
                .header("content-type", FORM)
                .body(form(&[
                    ("grant_type", "refresh_token"),
                    ("service", service),
                    ("scope", scope),
                    ("client_id", CLIENT_ID),
                    ("refresh_token", token),
                ])),
            other => {
                let separator = if realm.contains('?') { '&' } else { '?' };
                let query = form(&[("service", service), ("scope", scope)]);
                let request = self.http.get(format!("{realm}{separator}{query}"));
                match other {
                    Some(Login::Password { username, password }) => {
                        request.basic_auth(username, Some(password))
                    }
                    _ => request,
                }
            }
        };
        self.token(endpoint, what, realm, request).await
    }

    async fn token(
        &self,
        endpoint: &Endpoint,
        what: &str,
        realm: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Authorization, RegistryError> {
        let answer = request
            .send()
            .await
            .map_err(|source| RegistryError::Unreachable {
                url: realm.to_owned(),
                source: source.without_url(),
            })?;
        if !answer.status().is_success() {
            let reason = format!("its token service answers {}", answer.status());
            return Err(denied(endpoint, what, &reason));
        }
        let bytes = self.small_body(answer, realm).await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = value["token"]
            .as_str()
            .or(value["access_token"].as_str())
            .unwrap_or_default();
        if token.is_empty() {
            let reason = "there is no token in it".to_owned();
            return Err(RegistryError::Answer {
                url: realm.to_owned(),
                reason,
            });
        }
        let life = value["expires_in"]
            .as_u64()
            .map_or(DEFAULT_LIFE, Duration::from_secs);
        // Used up a little early, so that none ends on the way.
        let life = life.min(LONGEST_LIFE).mul_f32(0.9);
        Ok(Authorization::Bearer {
            token: token.to_owned(),
            until: Instant::now() + life,
        })
    }
}

fn long_lived(token: String) -> Authorization {
    Authorization::Bearer {
        token,
        until: Instant::now() + LONGEST_LIFE,
    }
}

fn denied(endpoint: &Endpoint, what: &str, reason: &str) -> RegistryError {
    RegistryError::Denied {
        what: what.to_owned(),
        registry: endpoint.host.clone(),
        reason: reason.to_owned(),
    }
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// `key=value&…`, escaped.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(&escape(value));
    }
    text
}

/// Percent-encoding of all but unreserved characters.
pub(super) fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let found = challenge(
            r#"Bearer realm="https://a/token",service="reg, istry",scope="repository:a:pull,push""#,
        )
        .unwrap();
        assert_eq!(found.scheme, "bearer");
        assert_eq!(found.parameters["realm"], "https://a/token");
        assert_eq!(found.parameters["service"], "reg, istry");
        assert_eq!(found.parameters["scope"], "repository:a:pull,push");
        assert_eq!(challenge("Basic realm=x").unwrap().parameters["realm"], "x");
        assert_eq!(challenge("Negotiate").unwrap().scheme, "negotiate");
        assert_eq!(challenge("Bearer realm=\"open"), None);
    }

    #[test]
    fn forms() {
        assert_eq!(
            form(&[("a", "x y"), ("b", ""), ("c", "p:q/*")]),
            "a=x%20y&c=p%3Aq%2F%2A"
        );
    }
}
