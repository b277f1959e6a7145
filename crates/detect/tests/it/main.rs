//! The engine from the outside. Tests against Falco's own data skip where that is not there.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod builtin_rules;
mod eval_vectors;
mod event_cases;
mod falco_rules;
mod language;
mod loading;
mod need;
mod parser_vectors;
mod support;
