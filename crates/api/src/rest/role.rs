//! Roles and the permissions they are made of.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolePermission {
    /// `rt_policy`, `events`, `config`, …
    pub id: String,
    pub read: bool,
    pub write: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserRole {
    pub name: String,
    pub comment: String,
    /// Built in: cannot be changed.
    pub reserved: bool,
    pub permissions: Vec<RolePermission>,
}

/// What a permission can be given as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionOption {
    pub id: String,
    pub read_supported: bool,
    pub write_supported: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionOptions {
    pub global_options: Vec<PermissionOption>,
    pub domain_options: Vec<PermissionOption>,
}

envelope! {
    UserRolesData { roles: Vec<UserRole> }
    UserRoleData { role: UserRole }
    PermissionOptionsData { options: PermissionOptions }
}
