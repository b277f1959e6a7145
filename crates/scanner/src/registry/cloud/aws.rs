//! Amazon ECR: keys from the environment, a pod's web identity, a container's credentials or the
//! machine's role, exchanged for a password that is good for twelve hours.

use super::{Environment, ask, file, sign, text};
use crate::registry::{Client, Login, RegistryError, auth::form};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

const CLOUD: &str = "AWS";
const METADATA: &str = "http://169.254.169.254";
const CONTAINER: &str = "http://169.254.170.2";
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";

/// Keys that sign requests.
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// `<account>.dkr.ecr[-fips].<region>.amazonaws.com[.cn]`: the region.
pub(super) fn region(host: &str) -> Option<&str> {
    let plain = host
        .strip_suffix(".cn")
        .unwrap_or(host)
        .strip_suffix(".amazonaws.com")?;
    let (account, rest) = plain.split_once(".dkr.ecr")?;
    let rest = rest
        .strip_prefix("-fips")
        .unwrap_or(rest)
        .strip_prefix('.')?;
    let account_is_number =
        !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    (account_is_number && !rest.contains('.')).then_some(rest)
}

pub(super) async fn login(
    client: &Client,
    environment: &Environment,
    region: &str,
) -> Result<Option<Login>, RegistryError> {
    let Some(keys) = keys(client, environment, region).await? else {
        return Ok(None);
    };
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let own = format!("https://api.ecr.{region}.{domain}");
    let endpoint = environment.address("AWS_ENDPOINT_URL_ECR", &own);
    let request = sign::request(client, &endpoint, region, "ecr", TARGET, b"{}", &keys);
    let answer = ask(CLOUD, request).await?;
    let token = answer.and_then(|answer| text(&answer, "/authorizationData/0/authorizationToken"));
    Ok(token.and_then(|token| {
        let pair = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let (username, password) = pair.split_once(':')?;
        Some(Login::Password {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }))
}

async fn keys(
    client: &Client,
    environment: &Environment,
    region: &str,
) -> Result<Option<Keys>, RegistryError> {
    if let (Some(id), Some(secret)) = (
        environment.get("AWS_ACCESS_KEY_ID"),
        environment.get("AWS_SECRET_ACCESS_KEY"),
    ) {
        let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
        return Ok(Some(Keys {
            id: id.to_owned(),
            secret: secret.to_owned(),
            token,
        }));
    }
    if let (Some(role), Some(path)) = (
        environment.get("AWS_ROLE_ARN"),
        environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"),
    ) {
        return web_identity(client, environment, region, role, path).await;
    }
    if let Some(keys) = container(client, environment).await? {
        return Ok(Some(keys));
    }
    machine(client, environment).await
}

/// A Kubernetes service account with a role.
async fn web_identity(
    client: &Client,
    environment: &Environment,
    region: &str,
    role: &str,
    path: &str,
) -> Result<Option<Keys>, RegistryError> {
    let token = file(CLOUD, path).await?;
    let own = format!("https://sts.{region}.amazonaws.com");
    let endpoint = environment.address("AWS_ENDPOINT_URL_STS", &own);
    let session = environment
        .get("AWS_ROLE_SESSION_NAME")
        .unwrap_or("rampart");
    let query = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token.trim()),
    ]);
    let request = client
        .http
        .post(format!("{endpoint}/?{query}"))
        .header("accept", "application/json");
    let answer = ask(CLOUD, request).await?;
    let base = "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";
    Ok(answer.and_then(|answer| from_answer(answer.pointer(base)?, "SessionToken")))
}

/// A task of ECS, or a pod with pod identity.
async fn container(
    client: &Client,
    environment: &Environment,
) -> Result<Option<Keys>, RegistryError> {
    let url = match (
        environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    ) {
        (Some(full), _) => full.to_owned(),
        (None, Some(relative)) => format!("{CONTAINER}{relative}"),
        (None, None) => return Ok(None),
    };
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(file(CLOUD, path).await?.trim().to_owned()),
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    let mut request = client.http.get(url);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    Ok(ask(CLOUD, request)
        .await?
        .and_then(|answer| from_answer(&answer, "Token")))
}

/// The role of an EC2 machine.
async fn machine(
    client: &Client,
    environment: &Environment,
) -> Result<Option<Keys>, RegistryError> {
    if environment
        .get("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    {
        return Ok(None);
    }
    let host = environment.address("AWS_EC2_METADATA_SERVICE_ENDPOINT", METADATA);
    let request = client
        .http
        .put(format!("{host}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "60");
    let Some(session) = plain_text(request).await else {
        return Ok(None);
    };
    let base = format!("{host}/latest/meta-data/iam/security-credentials/");
    let with_session = |url: &str| {
        client
            .http
            .get(url)
            .header("x-aws-ec2-metadata-token", &session)
    };
    let Some(role) = plain_text(with_session(&base)).await else {
        return Ok(None);
    };
    let role = role.lines().next().unwrap_or_default().trim();
    let answer = ask(CLOUD, with_session(&format!("{base}{role}"))).await?;
    Ok(answer.and_then(|answer| from_answer(&answer, "Token")))
}

async fn plain_text(request: reqwest::RequestBuilder) -> Option<String> {
    let answer = request
        .send()
        .await
        .ok()
        .filter(|answer| answer.status().is_success())?;
    answer
        .text()
        .await
        .ok()
        .filter(|text| !text.is_empty() && text.len() < 8192)
}

fn from_answer(answer: &Value, token: &str) -> Option<Keys> {
    Some(Keys {
        id: text(answer, "/AccessKeyId")?,
        secret: text(answer, "/SecretAccessKey")?,
        token: text(answer, &format!("/{token}")),
    })
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn regions() {
        for (host, expected) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                Some("eu-west-1"),
            ),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                Some("us-east-1"),
            ),
            ("1.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("evil.dkr.ecr.us-east-1.amazonaws.com", None),
            ("1.dkr.ecr.us-east-1.amazonaws.com.example.org", None),
            ("public.ecr.aws", None),
        ] {
            assert_eq!(region(host), expected, "{host}");
        }
    }
}
