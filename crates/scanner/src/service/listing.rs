//! Which images a registry holds, by its filters; and trying a registry out.
//!
//! Limits: [`MAX_IMAGES`] images; what is beyond is told of. Digests are asked for [`AT_ONCE`] at a
//! time.

use super::filter::{Filter, newest_first};
use crate::{
    registry::{Client, Credentials, Environment, Login, Reference, RegistryError, Settings},
    scan::chain,
    stop::Stop,
};
use futures::{StreamExt, stream};
use rampart_model::{
    RegistryImage, RegistryKind,
    scan_job::{Listed, RegistryAccess, ScanFailure, TestStep},
};

const MAX_IMAGES: usize = 10_001;
const AT_ONCE: usize = 6;
/// Problems that are told.
const MAX_PROBLEMS: usize = 20;

/// `https://host[:port][/path]/` as names of images have it.
pub(super) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.trim_end_matches('/');
    match host {
        "registry.hub.docker.com"
        | "registry-1.docker.io"
        | "index.docker.io"
        | "hub.docker.com" => "docker.io".to_owned(),
        other => other.split('/').next().unwrap_or(other).to_owned(),
    }
}

/// Official images of Docker Hub have a folder nobody writes.
pub(super) fn repository_of(host: &str, name: &str) -> String {
    if host == "docker.io" && !name.contains('/') && !name.contains('*') {
        format!("library/{name}")
    } else {
        name.to_owned()
    }
}

/// How to reach a registry: what the operator set, and what this scanner was started with.
pub(super) fn client(
    base: &Settings,
    access: &RegistryAccess,
    stop: &Stop,
) -> Result<Client, RegistryError> {
    let mut settings = base.clone();
    settings.plain_http = access.url.starts_with("http://");
    if access.ignore_proxy {
        settings.proxy = None;
    }
    if let Some(login) = login(access) {
        settings.credentials = Credentials::given(login);
    }
    if let Some(aws) = &access.auth.aws {
        let mut variables = settings.environment.0.clone();
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                variables.insert(name.to_owned(), value.to_owned());
            }
        };
        set("AWS_ACCESS_KEY_ID", aws.access_key_id.reveal());
        set("AWS_SECRET_ACCESS_KEY", aws.secret_access_key.reveal());
        set("AWS_REGION", &aws.region);
        settings.environment = Environment(variables);
    }
    Client::new(settings, stop.clone())
}

fn login(access: &RegistryAccess) -> Option<Login> {
    let auth = &access.auth;
    let password = |username: &str, password: &str| {
        (!password.is_empty()).then(|| Login::Password {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    };
    if auth.with_token && !auth.token.is_empty() {
        return Some(Login::RegistryToken(auth.token.reveal().to_owned()));
    }
    match access.kind {
        RegistryKind::Gcr if !auth.gcr_json_key.is_empty() => {
            password("_json_key", auth.gcr_json_key.reveal())
        }
        RegistryKind::Gitlab if !auth.gitlab_private_token.is_empty() => {
            let user = if auth.username.is_empty() {
                "oauth2"
            } else {
                &auth.username
            };
            password(user, auth.gitlab_private_token.reveal())
        }
        _ => password(&auth.username, auth.password.reveal()),
    }
}

pub(super) fn failure(error: &RegistryError) -> ScanFailure {
    let retry = match error {
        RegistryError::NotFound { .. }
        | RegistryError::Denied { .. }
        | RegistryError::Setup(_)
        | RegistryError::Image(_) => false,
        RegistryError::Status { status, .. } => status.is_server_error(),
        _ => true,
    };
    ScanFailure {
        reason: chain(error),
        retry,
    }
}

fn filters(texts: &[String]) -> Result<Vec<Filter>, ScanFailure> {
    let parsed: Result<Vec<_>, String> = texts.iter().map(|text| Filter::parse(text)).collect();
    match parsed {
        Ok(none) if none.is_empty() => Filter::parse("*").map(|all| vec![all]),
        other => other,
    }
    .map_err(|reason| ScanFailure {
        reason,
        retry: false,
    })
}

/// What to list, and how much.
pub(super) struct Wanted<'a> {
    pub(super) filters: &'a [String],
    pub(super) repo_limit: u32,
    pub(super) tag_limit: u32,
}

/// Repositories that pass the filters.
async fn repositories(
    client: &Client,
    host: &str,
    filters: &[Filter],
    limit: u32,
) -> Result<Vec<String>, RegistryError> {
    let mut names: Vec<String> = filters
        .iter()
        .filter(|filter| !filter.is_open())
        .map(|filter| repository_of(host, &filter.repository))
        .collect();
    if filters.iter().any(Filter::is_open) {
        let all = client.catalog(host).await?;
        let taken = |name: &String| filters.iter().any(|f| f.takes_repository(name));
        names.extend(all.into_iter().filter(taken));
    }
    names.sort();
    names.dedup();
    if limit > 0 {
        names.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(names)
}

pub(super) async fn list(
    client: &Client,
    access: &RegistryAccess,
    wanted: &Wanted<'_>,
) -> Result<Listed, ScanFailure> {
    let host = host_of(&access.url);
    let filters = filters(wanted.filters)?;
    let repositories = repositories(client, &host, &filters, wanted.repo_limit)
        .await
        .map_err(|error| failure(&error))?;
    let mut listed = Listed::default();
    let mut candidates = Vec::new();
    let mut worst = None;
    for repository in &repositories {
        match client.tags(&host, repository).await {
            Ok(mut tags) => {
                tags.retain(|tag| {
                    filters.iter().any(|filter| {
                        let name = repository_of(&host, &filter.repository);
                        let mine = filter.takes_repository(repository) || name == *repository;
                        mine && filter.takes_tag(tag)
                    })
                });
                newest_first(&mut tags);
                if wanted.tag_limit > 0 {
                    tags.truncate(usize::try_from(wanted.tag_limit).unwrap_or(usize::MAX));
                }
                candidates.extend(tags.into_iter().map(|tag| (repository.clone(), tag)));
            }
            Err(error) => {
                problem(&mut listed, format!("{repository}: {}", chain(&error)));
                worst = Some(error);
            }
        }
        if candidates.len() > MAX_IMAGES {
            candidates.truncate(MAX_IMAGES);
            break;
        }
    }
    if let (true, Some(error)) = (candidates.is_empty(), &worst) {
        return Err(failure(error));
    }
    digests(client, &host, candidates, &mut listed).await;
    if listed.images.is_empty() && !listed.problems.is_empty() {
        return Err(ScanFailure {
            reason: listed.problems.join("; "),
            retry: true,
        });
    }
    Ok(listed)
}

async fn digests(
    client: &Client,
    host: &str,
    candidates: Vec<(String, String)>,
    listed: &mut Listed,
) {
    let mut found = stream::iter(candidates)
        .map(|(repository, tag)| async move {
            let reference = Reference {
                registry: host.to_owned(),
                repository: repository.clone(),
                tag: tag.clone(),
                digest: String::new(),
            };
            let digest = client.digest(&reference).await;
            (repository, tag, digest)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((repository, tag, digest)) = found.next().await {
        match digest {
            Ok(digest) => listed.images.push(RegistryImage {
                repository,
                tag,
                digest,
            }),
            Err(error) => problem(listed, format!("{repository}:{tag}: {}", chain(&error))),
        }
    }
    listed.images.sort();
}

fn problem(listed: &mut Listed, text: String) {
    if listed.problems.len() < MAX_PROBLEMS {
        listed.problems.push(text);
    }
}

/// Signs in, lists, looks at one image; says each step.
pub(super) async fn try_out(
    client: &Client,
    access: &RegistryAccess,
    texts: &[String],
) -> Vec<TestStep> {
    let mut steps = Vec::new();
    let mut say = |kind: &str, text: String| {
        steps.push(TestStep {
            kind: kind.to_owned(),
            text,
        });
    };
    let host = host_of(&access.url);
    say("message", format!("asking {host} for its repositories"));
    let wanted = Wanted {
        filters: texts,
        repo_limit: 20,
        tag_limit: 3,
    };
    match list(client, access, &wanted).await {
        Ok(listed) => {
            for problem in &listed.problems {
                say("response", problem.clone());
            }
            let names: Vec<String> = listed
                .images
                .iter()
                .take(10)
                .map(|image| format!("{}:{}", image.repository, image.tag))
                .collect();
            if names.is_empty() {
                say(
                    "error",
                    "it answers, but no image passes the filters".to_owned(),
                );
            } else {
                say(
                    "images",
                    format!("images match, such as {}", names.join(", ")),
                );
            }
        }
        Err(failure) => say("error", failure.reason),
    }
    steps
}
