//! Conditions: their text, its tree, what it is compiled to, and the evaluation of that.

pub mod ast;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod eval;
pub mod glob;
pub mod need;
pub mod operator;
pub mod parser;
pub(crate) mod path_trie;
pub(crate) mod program;
pub(crate) mod source;
pub mod transform;
