//! Google Container Registry and Artifact Registry: the machine's service account, or a key file.

use super::{Environment, ask, file, text};
use crate::registry::{Client, Login, RegistryError};

const CLOUD: &str = "Google";
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

pub(super) fn is_ours(host: &str) -> bool {
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev")
}

pub(super) async fn login(
    client: &Client,
    environment: &Environment,
) -> Result<Option<Login>, RegistryError> {
    if let Some(path) = environment.get("GOOGLE_APPLICATION_CREDENTIALS") {
        let key = file(CLOUD, path).await?;
        return Ok(Some(Login::Password {
            username: "_json_key".into(),
            password: key,
        }));
    }
    let host = environment
        .get("GCE_METADATA_HOST")
        .unwrap_or("metadata.google.internal");
    let request = client
        .http
        .get(format!("http://{host}{TOKEN}"))
        .header("Metadata-Flavor", "Google");
    let answer = ask(CLOUD, request).await?;
    let token = answer.and_then(|answer| text(&answer, "/access_token"));
    Ok(token.map(|password| Login::Password {
        username: "oauth2accesstoken".into(),
        password,
    }))
}
