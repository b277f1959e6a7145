//! One file a command.

pub(crate) mod conversation;
pub(crate) mod db;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod group;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod node;
pub(crate) mod policy;
pub(crate) mod print;
pub(crate) mod registry;
pub(crate) mod response;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod scanner;
pub(crate) mod status;
pub(crate) mod uninstall;
pub(crate) mod updater;
pub(crate) mod vulnerability;
pub(crate) mod watchdog;
pub(crate) mod workload;
