//! Hex (Erlang, Elixir): semantic versions.

pub(super) use super::semver::{check, compare};
