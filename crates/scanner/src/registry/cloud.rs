//! Logins of the clouds' registries, exchanged for what the machine or pod is: one file a cloud.
//!
//! Nothing is asked of a cloud unless the registry's name is one of its own and no other login is
//! known. Limits: one exchange takes at most [`TIMEOUT`]; its addresses are the clouds' own or
//! what their usual environment variables say.

mod aws;
mod azure;
mod google;
mod sign;

use super::{Client, RegistryError, credentials::Login};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Environment variables, as the rim found them.
#[derive(Clone, Default)]
pub struct Environment(pub HashMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Environment {
    /// Variables the exchanges read.
    pub const NAMES: &[&str] = &[
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_ENDPOINT_URL_ECR",
        "AWS_ENDPOINT_URL_STS",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GCE_METADATA_HOST",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    ];

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// An address without a slash at its end.
    fn address(&self, name: &str, otherwise: &str) -> String {
        self.get(name)
            .unwrap_or(otherwise)
            .trim_end_matches('/')
            .to_owned()
    }
}

/// The login for a registry that belongs to a cloud; none for others.
pub(super) async fn login(client: &Client, host: &str) -> Result<Option<Login>, RegistryError> {
    let environment = &client.settings.environment;
    if environment.0.is_empty() {
        return Ok(None);
    }
    let name = host.split(':').next().unwrap_or(host);
    let exchange = async {
        if let Some(region) = aws::region(name) {
            aws::login(client, environment, region).await
        } else if google::is_ours(name) {
            google::login(client, environment).await
        } else if name.ends_with(".azurecr.io") {
            azure::login(client, environment, host).await
        } else {
            Ok(None)
        }
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(outcome) => outcome,
        // Without the cloud's answer a public repository may still be read.
        Err(_) => Ok(None),
    }
}

/// An answer's JSON; none when there is no answer at all, as outside of the cloud.
async fn ask(
    cloud: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<Option<Value>, RegistryError> {
    let failed = |reason: String| RegistryError::Exchange { cloud, reason };
    let Ok(answer) = request.send().await else {
        return Ok(None);
    };
    let status = answer.status();
    let body = answer
        .bytes()
        .await
        .map_err(|error| failed(error.without_url().to_string()))?;
    if !status.is_success() {
        let text: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        return Err(failed(format!("it answers {status}: {}", text.trim())));
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| failed(error.to_string()))
}

fn text(value: &Value, path: &str) -> Option<String> {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

async fn file(cloud: &'static str, path: &str) -> Result<String, RegistryError> {
    tokio::fs::read_to_string(path)
        .await
        .map_err(|error| RegistryError::Exchange {
            cloud,
            reason: format!("{path}: {error}"),
        })
}
