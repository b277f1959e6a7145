//! File monitor profiles.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileFilter {
    /// Absolute path; the last component may hold `*`.
    pub filter: String,
    pub recursive: bool,
    /// `monitor_change` or `block_access`.
    pub behavior: String,
    /// Executables that may change or open the files.
    pub applications: Vec<String>,
    pub cfg_type: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    pub created_timestamp: i64,
    pub last_modified_timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileProfile {
    pub group: String,
    pub filters: Vec<FileFilter>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FileFilterConfig {
    pub filter: String,
    pub recursive: bool,
    pub behavior: Option<String>,
    pub applications: Option<Vec<String>>,
    pub group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FileProfileConfig {
    pub add_filters: Option<Vec<FileFilterConfig>>,
    pub delete_filters: Option<Vec<FileFilterConfig>>,
    pub update_filters: Option<Vec<FileFilterConfig>>,
}

envelope! {
    FileProfilesData { profiles: Vec<FileProfile> }
    FileProfileData { profile: FileProfile }
    FileProfileConfigData { config: FileProfileConfig }
    FileFiltersData { filters: Vec<FileFilter> }
}
