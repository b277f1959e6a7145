//! Roles and permissions.

use super::{
    answer::{Answer, pick},
    call::{Ask, Name},
    error::Failure,
};
use crate::auth::{Permission, Role};
use axum::Json;
use rampart_api::rest::role::{
    PermissionOption, PermissionOptions, PermissionOptionsData, RolePermission, UserRole,
    UserRoleData, UserRolesData,
};

fn wire(role: Role) -> UserRole {
    let permission = |(p, read, write): (Permission, bool, bool)| RolePermission {
        id: p.id().to_owned(),
        read,
        write,
    };
    UserRole {
        name: role.name().to_owned(),
        comment: role.comment().to_owned(),
        reserved: true,
        permissions: role.rights().list().into_iter().map(permission).collect(),
    }
}

/// The role without a name is not listed: it is the absence of one.
fn named() -> impl Iterator<Item = Role> {
    Role::ALL.iter().copied().filter(|role| *role != Role::None)
}

pub(super) async fn list(Ask(query): Ask) -> Answer<UserRolesData> {
    Ok(Json(UserRolesData {
        roles: pick(named().map(wire).collect(), &query)?,
    }))
}

pub(super) async fn show(Name(name): Name) -> Answer<UserRoleData> {
    let role = named()
        .find(|role| role.name() == name)
        .ok_or_else(|| Failure::not_found("role", &name))?;
    Ok(Json(UserRoleData { role: wire(role) }))
}

pub(super) async fn options() -> Answer<PermissionOptionsData> {
    let option = |p: &Permission| PermissionOption {
        id: p.id().to_owned(),
        read_supported: p.can_read(),
        write_supported: p.can_write(),
    };
    let shown = || Permission::ALL.iter().filter(|p| !p.hidden());
    Ok(Json(PermissionOptionsData {
        options: PermissionOptions {
            global_options: shown().map(option).collect(),
            domain_options: shown().filter(|p| p.per_domain()).map(option).collect(),
        },
    }))
}
