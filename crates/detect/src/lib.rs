//! Falco's rule language: rules in, events in, alerts out.
//!
//! Pure: it reads no file, opens no socket and asks no clock. [`Rules::load`] reads files, in
//! order, and compiles what is right in them; [`Rules::matches`] evaluates an [`Event`] and
//! [`Rule::alert`] says what it means. The semantics are Falco's: a comparison with a field that
//! has no value is false, whatever the operator, so `not a = b` and `a != b` differ.
//!
//! `yaml` reads files, `condition` is the language, `field` what an event holds, `output` what is
//! told. The tables are [`condition::operator::ALL`], [`condition::transform::ALL`],
//! [`field::ALL`] and [`field::event_type::ALL`].

pub mod builtin;
pub mod condition;
pub mod diagnostic;
pub mod field;
pub mod output;
mod rules;
pub mod yaml;

pub use condition::{eval::State, need::PathNeed};
pub use diagnostic::{Code, Diagnostic, Place, Severity};
pub use field::{Event, EventType};
pub use output::Alert;
pub use rules::{CONTAINER_OUTPUT, Options, Parts, Rule, Rules};
pub use yaml::{Priority, load::RuleFile};
