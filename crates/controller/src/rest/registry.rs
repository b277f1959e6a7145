//! Registries and the images they hold.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Pair},
    error::Failure,
    scan::{brief, shows_accepted},
    system::small,
};
use crate::app::{ImageRow, Place, RegistryView, registry::access};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use rampart_api::{
    convert::{self, apply_registry, database_time, database_version, registry_of, rfc3339},
    query::ListQuery,
    rest::{Empty, registry::*, scan::*},
};
use rampart_model::{Registry, ScanReport as Report};

const TRANSACTION: &str = "X-Transaction-ID";

fn summary(view: &RegistryView) -> RegistrySummary {
    let database = (view.database.version > 0).then_some(&view.database);
    let mut wire = convert::registry_summary(&view.registry);
    wire.status = if view.busy { "scanning" } else { "idle" }.to_owned();
    wire.error_message.clone_from(&view.listing.error);
    wire.error_detail.clone_from(&view.listing.error);
    wire.started_at = rfc3339(view.listing.started_at);
    wire.scanned = small(view.scanned);
    wire.scheduled = small(view.scheduled);
    wire.scanning = small(view.scanning);
    wire.failed = small(view.failed);
    wire.cvedb_version = database_version(database);
    wire.cvedb_create_time = database_time(database);
    wire.images = small(view.listing.images.len());
    wire.listed_at = rfc3339(view.listing.listed_at);
    wire
}

pub(super) async fn list(
    State(rest): State<Rest>,
    Ask(query): Ask,
) -> Answer<RegistrySummariesData> {
    let all = rest.app().registries().iter().map(summary).collect();
    Ok(Json(RegistrySummariesData {
        summarys: pick(all, &query)?,
    }))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    Name(name): Name,
) -> Answer<RegistrySummaryData> {
    Ok(Json(RegistrySummaryData {
        summary: summary(&rest.app().registry_view(&name)?),
    }))
}

async fn make(rest: &Rest, config: RegistryConfig) -> Answer<Empty> {
    rest.app().create_registry(registry_of(&config)?).await?;
    done()
}

async fn change(rest: &Rest, name: &str, config: RegistryConfig) -> Answer<Empty> {
    // A mistake is found before anything is changed.
    apply_registry(&mut Registry::clone(&*rest.app().registry(name)?), &config)?;
    rest.app()
        .update_registry(name, |registry| {
            let _ = apply_registry(registry, &config);
        })
        .await?;
    done()
}

pub(super) async fn create(
    State(rest): State<Rest>,
    Body(body): Body<RegistryConfigData>,
) -> Answer<Empty> {
    make(&rest, body.config).await
}

pub(super) async fn create_v2(
    State(rest): State<Rest>,
    Body(body): Body<RegistryConfigDataV2>,
) -> Answer<Empty> {
    make(&rest, body.config.flat()).await
}

pub(super) async fn update(
    State(rest): State<Rest>,
    Name(name): Name,
    Body(body): Body<RegistryConfigData>,
) -> Answer<Empty> {
    change(&rest, &name, body.config).await
}

pub(super) async fn update_v2(
    State(rest): State<Rest>,
    Name(name): Name,
    Body(body): Body<RegistryConfigDataV2>,
) -> Answer<Empty> {
    change(&rest, &name, body.config.flat()).await
}

pub(super) async fn delete(State(rest): State<Rest>, Name(name): Name) -> Answer<Empty> {
    rest.app().delete_registry(&name).await?;
    done()
}

pub(super) async fn scan(State(rest): State<Rest>, Name(name): Name) -> Answer<Empty> {
    rest.app().scan_registry(&name).await?;
    done()
}

pub(super) async fn stop(State(rest): State<Rest>, Name(name): Name) -> Answer<Empty> {
    rest.app().stop_registry(&name).await?;
    done()
}

/// A test of a registry that is not kept yet, or of a change of one that is: what the client does
/// not send, such as a password nobody can read back, is taken from it.
async fn try_out(
    rest: &Rest,
    name: &str,
    id: Option<String>,
    config: RegistryConfig,
) -> Result<Response, Failure> {
    let (id, trial) = match id {
        Some(id) => {
            let trial = rest.app().trial(&id)?;
            (id, trial)
        }
        None => {
            let registry = match rest.app().registry(name) {
                Ok(known) => {
                    let mut registry = Registry::clone(&known);
                    apply_registry(&mut registry, &config)?;
                    registry
                }
                Err(_) => registry_of(&config)?,
            };
            crate::app::registry::check_url(&registry.url)?;
            let id = rest
                .app()
                .start_trial(access(&registry), registry.filters.clone())?;
            let trial = rest.app().trial(&id)?;
            (id, trial)
        }
    };
    let status = if trial.done {
        StatusCode::OK
    } else {
        StatusCode::PARTIAL_CONTENT
    };
    let steps = trial.steps.into_iter().map(|step| RegistryTestStep {
        step_type: step.kind,
        step_content: step.text,
    });
    let body = Json(RegistryTestData {
        steps: steps.collect(),
        transaction_id: id.clone(),
        done: trial.done,
    });
    let mut response = (status, body).into_response();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(TRANSACTION, id);
    }
    Ok(response)
}

/// As NeuVector's clients send it, or in the query for those that cannot set headers.
fn transaction(headers: &HeaderMap, query: &ListQuery) -> Option<String> {
    let header = headers.get(TRANSACTION).and_then(|id| id.to_str().ok());
    let id = header.or_else(|| query.other("transaction"))?;
    (!id.is_empty()).then(|| id.to_owned())
}

pub(super) async fn test(
    State(rest): State<Rest>,
    Name(name): Name,
    headers: HeaderMap,
    Ask(query): Ask,
    Body(body): Body<RegistryConfigData>,
) -> Result<Response, Failure> {
    try_out(&rest, &name, transaction(&headers, &query), body.config).await
}

pub(super) async fn test_v2(
    State(rest): State<Rest>,
    Name(name): Name,
    headers: HeaderMap,
    Ask(query): Ask,
    Body(body): Body<RegistryConfigDataV2>,
) -> Result<Response, Failure> {
    let id = transaction(&headers, &query);
    try_out(&rest, &name, id, body.config.flat()).await
}

pub(super) async fn cancel_test(
    State(rest): State<Rest>,
    Name(_): Name,
    headers: HeaderMap,
    Ask(query): Ask,
) -> Answer<Empty> {
    if let Some(id) = transaction(&headers, &query) {
        rest.app().cancel_trial(&id);
    }
    done()
}

fn bare(digest: &str) -> String {
    digest.strip_prefix("sha256:").unwrap_or(digest).to_owned()
}

fn image(row: &ImageRow) -> RegistryImageSummary {
    let listed = &row.image;
    let summary = row.scan.summary.as_deref().cloned().unwrap_or_default();
    let known = if summary.image_id.is_empty() {
        &listed.digest
    } else {
        &summary.image_id
    };
    RegistryImageSummary {
        domain: String::new(),
        repository: listed.repository.clone(),
        tag: listed.tag.clone(),
        image: format!("{}:{}", listed.repository, listed.tag),
        image_id: bare(known),
        digest: listed.digest.clone(),
        size: summary.size_bytes,
        author: summary.author,
        run_as_root: summary.run_as_root,
        envs: summary.env,
        labels: summary.labels,
        layers: summary.layers,
        created_at: summary.created_at,
        brief: brief(&row.scan),
        packages: summary.packages,
        secrets: summary.secrets,
        config_issues: summary.config_issues,
    }
}

pub(super) async fn images(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Name(name): Name,
) -> Answer<RegistryImagesData> {
    let rows = rest
        .app()
        .registry_images(&name)?
        .iter()
        .map(image)
        .collect();
    Ok(Json(RegistryImagesData {
        images: pick(rows, &query)?,
    }))
}

/// The name and the report of an image of a registry, by image id or digest.
pub(super) async fn find(
    rest: &Rest,
    registry: &str,
    id: &str,
) -> Result<(String, Report), Failure> {
    let known = rest.app().registry(registry)?;
    let rows = rest.app().registry_images(registry)?;
    let row = rows
        .iter()
        .find(|row| image(row).image_id == bare(id) || bare(&row.image.digest) == bare(id))
        .ok_or_else(|| Failure::not_found("image", id))?;
    if row.scan.key.is_empty() {
        return Err(Failure::not_found("scan of image", id));
    }
    let name = format!("{}{}:{}", known.url, row.image.repository, row.image.tag);
    let place = Place {
        domain: "",
        image: &name,
    };
    let (_, report) = rest.app().scan_report(&row.scan.key, place).await?;
    Ok((name, report))
}

pub(super) async fn image_report(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Pair(name, id): Pair,
) -> Answer<ScanReportData> {
    let (_, report) = find(&rest, &name, &id).await?;
    Ok(Json(ScanReportData {
        report: convert::report(&report, shows_accepted(&query)),
    }))
}

pub(super) async fn layers(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Pair(name, id): Pair,
) -> Answer<ScanLayersReportData> {
    let (_, report) = find(&rest, &name, &id).await?;
    Ok(Json(ScanLayersReportData {
        report: ScanLayersReport {
            layers: convert::layers(&report, shows_accepted(&query)),
        },
    }))
}
