//! The licence screen NeuVector's clients ask for. Rampart is Apache-2.0: there is nothing to
//! accept, but the answer is kept, because clients write it and read it back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Eula {
    pub accepted: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EulaData {
    pub eula: Eula,
    /// How to find the one-time password, until it has been changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bootstrap_password_command: String,
}
