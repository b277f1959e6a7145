//! Password rules.

use super::{
    Rest,
    answer::{Answer, done},
    call::{Body, Name},
    error::Failure,
};
use crate::auth::{
    PasswordProfile,
    profile::{ALIAS, NAME},
};
use axum::{Json, extract::State};
use rampart_api::rest::{
    Empty,
    password::{
        self as api, PasswordProfileBasic, PasswordProfileConfigData, PasswordProfileData,
        PasswordProfilesData,
    },
};

pub(super) fn basic(profile: &PasswordProfile) -> PasswordProfileBasic {
    PasswordProfileBasic {
        min_len: profile.min_len,
        min_uppercase_count: profile.min_uppercase_count,
        min_lowercase_count: profile.min_lowercase_count,
        min_digit_count: profile.min_digit_count,
        min_special_count: profile.min_special_count,
    }
}

fn wire(profile: &PasswordProfile) -> api::PasswordProfile {
    api::PasswordProfile {
        name: NAME.to_owned(),
        comment: profile.comment.clone(),
        active: true,
        min_len: profile.min_len,
        min_uppercase_count: profile.min_uppercase_count,
        min_lowercase_count: profile.min_lowercase_count,
        min_digit_count: profile.min_digit_count,
        min_special_count: profile.min_special_count,
        enable_password_expiration: profile.enable_password_expiration,
        password_expire_after_days: profile.password_expire_after_days,
        enable_password_history: profile.enable_password_history,
        password_keep_history_count: profile.password_keep_history_count,
        enable_block_after_failed_login: profile.enable_block_after_failed_login,
        block_after_failed_login_count: profile.block_after_failed_login_count,
        block_minutes: profile.block_minutes,
        session_timeout: profile.session_timeout,
    }
}

fn known(name: &str) -> Result<(), Failure> {
    if name == NAME || name == ALIAS {
        Ok(())
    } else {
        Err(Failure::not_found("password profile", name))
    }
}

pub(super) async fn list(State(rest): State<Rest>) -> Answer<PasswordProfilesData> {
    let pwd_profiles = vec![wire(&rest.auth().profile())];
    Ok(Json(PasswordProfilesData {
        pwd_profiles,
        active_profile_name: NAME.to_owned(),
    }))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    Name(name): Name,
) -> Answer<PasswordProfileData> {
    known(&name)?;
    Ok(Json(PasswordProfileData {
        pwd_profile: wire(&rest.auth().profile()),
    }))
}

pub(super) async fn update(
    State(rest): State<Rest>,
    Name(name): Name,
    Body(body): Body<PasswordProfileConfigData>,
) -> Answer<Empty> {
    known(&name)?;
    let config = body.config;
    if config.active == Some(false) {
        return Err(Failure::unsupported(
            "the only password profile is always active",
        ));
    }
    let now = rest.auth().profile();
    let new = PasswordProfile {
        comment: config.comment.unwrap_or_else(|| now.comment.clone()),
        min_len: config.min_len.unwrap_or(now.min_len),
        min_uppercase_count: config
            .min_uppercase_count
            .unwrap_or(now.min_uppercase_count),
        min_lowercase_count: config
            .min_lowercase_count
            .unwrap_or(now.min_lowercase_count),
        min_digit_count: config.min_digit_count.unwrap_or(now.min_digit_count),
        min_special_count: config.min_special_count.unwrap_or(now.min_special_count),
        enable_password_expiration: config
            .enable_password_expiration
            .unwrap_or(now.enable_password_expiration),
        password_expire_after_days: config
            .password_expire_after_days
            .unwrap_or(now.password_expire_after_days),
        enable_password_history: config
            .enable_password_history
            .unwrap_or(now.enable_password_history),
        password_keep_history_count: config
            .password_keep_history_count
            .unwrap_or(now.password_keep_history_count),
        enable_block_after_failed_login: config
            .enable_block_after_failed_login
            .unwrap_or(now.enable_block_after_failed_login),
        block_after_failed_login_count: config
            .block_after_failed_login_count
            .unwrap_or(now.block_after_failed_login_count),
        block_minutes: config.block_minutes.unwrap_or(now.block_minutes),
        session_timeout: config.session_timeout.unwrap_or(now.session_timeout),
    };
    rest.auth().set_profile(new).await?;
    done()
}
