//! One file a command.

pub(crate) mod conversation;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod group;
pub(crate) mod login;
pub(crate) mod node;
pub(crate) mod print;
pub(crate) mod rule;
pub(crate) mod status;
pub(crate) mod workload;
