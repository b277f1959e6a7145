//! The engine from the outside. Tests against Falco's own data skip where that is not there.

mod builtin_rules;
mod eval_vectors;
mod event_cases;
mod falco_rules;
mod parser_vectors;
mod support;
