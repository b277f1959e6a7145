//! API keys.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    user,
};
use crate::auth::{ApiKey, NewApiKey};
use axum::{Json, extract::State};
use rampart_api::rest::{
    Empty,
    api_key::{
        self as api, ApiKeyCreateData, ApiKeyData, ApiKeyGenerated, ApiKeyGeneratedData,
        ApiKeysData,
    },
};

fn wire(key: &ApiKey) -> api::ApiKey {
    api::ApiKey {
        apikey_name: key.name.clone(),
        description: key.description.clone(),
        expiration_type: key.expiration_type.clone(),
        expiration_hours: key.expiration_hours,
        expiration_timestamp: key.expires_at.secs(),
        created_timestamp: key.created_at.secs(),
        created_by_entity: key.created_by.clone(),
        role: key.role.name().to_owned(),
        role_domains: key.role_domains.clone(),
        blocked_for_failed_login: false,
        blocked_for_password_expired: false,
    }
}

pub(super) async fn list(State(rest): State<Rest>, Ask(query): Ask) -> Answer<ApiKeysData> {
    let keys = rest.auth().api_keys().iter().map(|key| wire(key)).collect();
    Ok(Json(ApiKeysData {
        apikeys: pick(keys, &query)?,
        global_roles: user::global_roles(),
        domain_roles: user::domain_roles(),
    }))
}

pub(super) async fn show(State(rest): State<Rest>, Name(name): Name) -> Answer<ApiKeyData> {
    Ok(Json(ApiKeyData {
        apikey: wire(rest.auth().api_key(&name)?.as_ref()),
    }))
}

pub(super) async fn me(State(rest): State<Rest>, Who(caller): Who) -> Answer<ApiKeyData> {
    if caller.fingerprint().is_some() {
        return Err(Failure::invalid(
            "this call came with a session, not with an API key",
        ));
    }
    Ok(Json(ApiKeyData {
        apikey: wire(rest.auth().api_key(&caller.user)?.as_ref()),
    }))
}

pub(super) async fn create(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<ApiKeyCreateData>,
) -> Answer<ApiKeyGeneratedData> {
    let key = body.apikey;
    let new = NewApiKey {
        name: key.apikey_name.clone(),
        description: key.description,
        role: user::role_of(&key.role)?,
        role_domains: key.role_domains.unwrap_or_default(),
        expiration_type: key.expiration_type,
        expiration_hours: key.expiration_hours,
    };
    let secret = rest.auth().create_api_key(new, &who.0.user).await?;
    let apikey = ApiKeyGenerated {
        apikey_name: key.apikey_name,
        apikey_secret: secret,
    };
    Ok(Json(ApiKeyGeneratedData { apikey }))
}

pub(super) async fn delete(State(rest): State<Rest>, Name(name): Name) -> Answer<Empty> {
    rest.auth().delete_api_key(&name).await?;
    done()
}
