//! Azure Container Registry: a token of the directory, by workload identity, by a client secret
//! or by the machine's managed identity, exchanged at the registry for a refresh token.

use super::{Environment, ask, file, text};
use crate::registry::{
    Client, Login, RegistryError,
    auth::{FORM, form},
};

const CLOUD: &str = "Azure";
const METADATA: &str = "http://169.254.169.254";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const RESOURCE: &str = "https://management.azure.com/";

pub(super) async fn login(
    client: &Client,
    environment: &Environment,
    registry: &str,
) -> Result<Option<Login>, RegistryError> {
    let Some(token) = directory_token(client, environment).await? else {
        return Ok(None);
    };
    let scheme = if client.settings.plain_http {
        "http"
    } else {
        "https"
    };
    let tenant = environment.get("AZURE_TENANT_ID").unwrap_or_default();
    let body = form(&[
        ("grant_type", "access_token"),
        ("service", registry),
        ("tenant", tenant),
        ("access_token", &token),
    ]);
    let request = client
        .http
        .post(format!("{scheme}://{registry}/oauth2/exchange"))
        .header("content-type", FORM)
        .body(body);
    let answer = ask(CLOUD, request).await?;
    Ok(answer
        .and_then(|answer| text(&answer, "/refresh_token"))
        .map(Login::IdentityToken))
}

async fn directory_token(
    client: &Client,
    environment: &Environment,
) -> Result<Option<String>, RegistryError> {
    let id = environment.get("AZURE_CLIENT_ID").unwrap_or_default();
    let tenant = environment.get("AZURE_TENANT_ID");
    let assertion = match environment.get("AZURE_FEDERATED_TOKEN_FILE") {
        Some(path) => Some(file(CLOUD, path).await?),
        None => None,
    };
    let secret = environment.get("AZURE_CLIENT_SECRET");
    let request = match (tenant, assertion, secret) {
        (Some(tenant), Some(assertion), _) => by_client(
            client,
            environment,
            tenant,
            &[
                ("client_id", id),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion.trim()),
            ],
        ),
        (Some(tenant), None, Some(secret)) => by_client(
            client,
            environment,
            tenant,
            &[("client_id", id), ("client_secret", secret)],
        ),
        _ => {
            let host = environment.address("AZURE_POD_IDENTITY_AUTHORITY_HOST", METADATA);
            let query = form(&[
                ("api-version", "2018-02-01"),
                ("resource", RESOURCE),
                ("client_id", id),
            ]);
            client
                .http
                .get(format!("{host}/metadata/identity/oauth2/token?{query}"))
                .header("Metadata", "true")
        }
    };
    Ok(ask(CLOUD, request)
        .await?
        .and_then(|answer| text(&answer, "/access_token")))
}

fn by_client(
    client: &Client,
    environment: &Environment,
    tenant: &str,
    who: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    let authority = environment.address("AZURE_AUTHORITY_HOST", AUTHORITY);
    let scope = format!("{RESOURCE}.default");
    let mut pairs = vec![
        ("grant_type", "client_credentials"),
        ("scope", scope.as_str()),
    ];
    pairs.extend_from_slice(who);
    client
        .http
        .post(format!("{authority}/{tenant}/oauth2/v2.0/token"))
        .header("content-type", FORM)
        .body(form(&pairs))
}
