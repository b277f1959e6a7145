//! The rules that come with Rampart, by file: in the order they are loaded.

/// File name and text.
pub const ALL: &[(&str, &str)] = &[
    (
        "common.yaml",
        include_str!("../../../rules/runtime/common.yaml"),
    ),
    (
        "execution.yaml",
        include_str!("../../../rules/runtime/execution.yaml"),
    ),
    (
        "persistence.yaml",
        include_str!("../../../rules/runtime/persistence.yaml"),
    ),
    (
        "escape.yaml",
        include_str!("../../../rules/runtime/escape.yaml"),
    ),
    (
        "evasion.yaml",
        include_str!("../../../rules/runtime/evasion.yaml"),
    ),
    (
        "credential.yaml",
        include_str!("../../../rules/runtime/credential.yaml"),
    ),
    (
        "network.yaml",
        include_str!("../../../rules/runtime/network.yaml"),
    ),
    (
        "impact.yaml",
        include_str!("../../../rules/runtime/impact.yaml"),
    ),
];
