//! The tables: one file a group.

mod build;
mod chat;
mod cloud;
mod database;
mod generic;
mod key;
mod machine_learning;
mod payment;
mod service;
mod vcs;

use super::rule::Rule;

/// In order of precedence: where two find the same place, the first tells it.
pub(super) const ALL: &[&[Rule]] = &[
    cloud::RULES,
    vcs::RULES,
    build::RULES,
    chat::RULES,
    payment::RULES,
    machine_learning::RULES,
    service::RULES,
    key::RULES,
    database::RULES,
    generic::RULES,
];
