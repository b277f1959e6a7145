//! Users.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Pair, Who},
    error::Failure,
};
use crate::auth::{Access, NewUser, Permission, Role, User, UserPatch, role::Rights};
use axum::{Json, extract::State};
use rampart_api::{
    convert::rfc3339,
    rest::{
        Empty, Secret,
        role::RolePermission,
        user::{
            self as api, SelfUserData, UserConfig, UserConfigData, UserCreateData, UserData,
            UserPasswordConfigData, UserRoleDomainsConfigData, UsersData,
        },
    },
};
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

pub(super) fn wire(rest: &Rest, user: &User, resettable: bool) -> api::User {
    let auth = rest.auth();
    api::User {
        fullname: user.name.clone(),
        server: String::new(),
        username: user.name.clone(),
        password: Secret::default(),
        email: user.email.clone(),
        role: user.role.name().to_owned(),
        timeout: auth.timeout(user),
        locale: if user.locale.is_empty() {
            "en".to_owned()
        } else {
            user.locale.clone()
        },
        default_password: user.bootstrap,
        modify_password: user.must_reset,
        role_domains: user.role_domains.clone(),
        last_login_timestamp: user.last_login_at.secs(),
        last_login_at: rfc3339(user.last_login_at),
        login_count: user.login_count,
        blocked_for_failed_login: auth.is_blocked(&user.name),
        blocked_for_password_expired: auth.is_expired(user),
        password_resettable: resettable,
    }
}

/// Days, and hours beyond them, until the password expires; −1 is never.
pub(super) fn expiry(rest: &Rest, user: &User) -> (i32, i32) {
    let Some(left) = rest.auth().expires_in(user) else {
        return (-1, 0);
    };
    let left = left.max(0);
    let small = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    (small(left / DAY_MS), small(left % DAY_MS / HOUR_MS))
}

fn permission_list(rights: Rights) -> Vec<RolePermission> {
    let one = |(p, read, write): (Permission, bool, bool)| RolePermission {
        id: p.id().to_owned(),
        read,
        write,
    };
    rights.list().into_iter().map(one).collect()
}

pub(super) type DomainPermissions = BTreeMap<String, Vec<RolePermission>>;

pub(super) fn permissions(access: &Access) -> (Vec<RolePermission>, DomainPermissions) {
    let domains = access
        .domains()
        .iter()
        .map(|(domain, rights)| (domain.clone(), permission_list(*rights)));
    (permission_list(access.global()), domains.collect())
}

fn names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.name().to_owned()).collect()
}

pub(super) fn global_roles() -> Vec<String> {
    names(Role::ALL)
}

pub(super) fn domain_roles() -> Vec<String> {
    names(&[Role::Admin, Role::Reader])
}

pub(super) fn role_of(name: &str) -> Result<Role, Failure> {
    Role::parse(name).ok_or_else(|| {
        Failure::invalid(format!(
            "role `{name}` does not exist; admin, reader, ciops and the empty one do"
        ))
    })
}

pub(super) async fn list(State(rest): State<Rest>, who: Who, Ask(query): Ask) -> Answer<UsersData> {
    let may_reset = who.access().can(Permission::Authorization, true, None);
    let users = rest
        .auth()
        .users()
        .iter()
        .map(|user| wire(&rest, user, may_reset))
        .collect();
    let users = pick(users, &query)?;
    Ok(Json(UsersData {
        users,
        global_roles: global_roles(),
        domain_roles: domain_roles(),
    }))
}

pub(super) async fn show(State(rest): State<Rest>, who: Who, Name(name): Name) -> Answer<UserData> {
    let all = who.access().can(Permission::Authorization, false, None);
    if name != who.0.user && !all {
        return Err(Failure::denied("see other users"));
    }
    let may_reset = who.access().can(Permission::Authorization, true, None);
    Ok(Json(UserData {
        user: wire(&rest, rest.auth().user(&name)?.as_ref(), may_reset),
    }))
}

pub(super) async fn me(State(rest): State<Rest>, Who(caller): Who) -> Answer<SelfUserData> {
    let user = rest.auth().user(&caller.user)?;
    let (days, hours) = expiry(&rest, &user);
    let (global_permissions, domain_permissions) = permissions(&caller.access);
    Ok(Json(SelfUserData {
        user: wire(&rest, &user, true),
        password_days_until_expire: days,
        password_hours_until_expire: hours,
        global_permissions,
        domain_permissions,
    }))
}

pub(super) async fn create(
    State(rest): State<Rest>,
    Body(body): Body<UserCreateData>,
) -> Answer<Empty> {
    let user = body.user;
    let name = if user.fullname.is_empty() {
        user.username
    } else {
        user.fullname
    };
    let new = NewUser {
        name,
        password: user.password.0,
        role: role_of(user.role.as_deref().unwrap_or_default())?,
        role_domains: user.role_domains.unwrap_or_default(),
        email: user.email.unwrap_or_default(),
        locale: user.locale.unwrap_or_default(),
        timeout: user.timeout.unwrap_or_default(),
    };
    rest.auth().create_user(new).await?;
    done()
}

pub(super) async fn update(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Body(body): Body<UserConfigData>,
) -> Answer<Empty> {
    let config = body.config;
    let own = name == who.0.user && who.0.fingerprint().is_some();
    let admin = who.access().can(Permission::Authorization, true, None);
    if !own && !admin {
        return Err(Failure::denied("change other users"));
    }
    rest.auth().user(&name)?;
    let grants = config.role.is_some() || config.role_domains.is_some();
    if grants && !admin {
        return Err(Failure::denied("change your own role"));
    }
    change_password(&rest, &who, &name, own, &config).await?;
    let role = config.role.as_deref().map(role_of).transpose()?;
    let patch = UserPatch {
        role,
        role_domains: config.role_domains,
        email: config.email,
        locale: config.locale,
        // The command line sends 0 for "as it is".
        timeout: config.timeout.filter(|seconds| *seconds != 0),
    };
    rest.auth().update_user(&name, patch).await?;
    done()
}

async fn change_password(
    rest: &Rest,
    who: &Who,
    name: &str,
    own: bool,
    config: &UserConfig,
) -> Result<(), Failure> {
    let Some(new) = &config.new_password else {
        return Ok(());
    };
    if !own {
        rest.auth().reset_password(name, &new.0, false).await?;
        return Ok(());
    }
    let Some(old) = &config.password else {
        return Err(Failure::invalid(
            "`password`, the current one, is needed to set `new_password`",
        ));
    };
    rest.auth()
        .change_password(name, &old.0, &new.0, who.0.fingerprint())
        .await?;
    Ok(())
}

pub(super) async fn delete(State(rest): State<Rest>, who: Who, Name(name): Name) -> Answer<Empty> {
    if name == who.0.user {
        return Err(Failure::unsupported("nobody deletes themselves"));
    }
    rest.auth().delete_user(&name).await?;
    done()
}

pub(super) async fn set_role_domains(
    State(rest): State<Rest>,
    Pair(name, role): Pair,
    Body(body): Body<UserRoleDomainsConfigData>,
) -> Answer<Empty> {
    if !body.config.role.is_empty() && body.config.role != role {
        return Err(Failure::invalid(
            "the path and the body name different roles",
        ));
    }
    rest.auth()
        .set_role_domains(&name, role_of(&role)?, body.config.domains)
        .await?;
    done()
}

pub(super) async fn password(
    State(rest): State<Rest>,
    Name(name): Name,
    Body(body): Body<UserPasswordConfigData>,
) -> Answer<Empty> {
    let config = body.config;
    if let Some(new) = &config.new_password {
        let must_reset = config.reset_password_in_next_login.unwrap_or_default();
        rest.auth()
            .reset_password(&name, &new.0, must_reset)
            .await?;
    } else if config.force_reset_password == Some(true) {
        return Err(Failure::invalid(
            "`new_password` is needed to reset a password",
        ));
    }
    if config.clear_failed_login == Some(true) {
        rest.auth().unblock(&name).await?;
    }
    rest.auth().user(&name)?;
    done()
}
