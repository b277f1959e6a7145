//! A condition as it was written.

use super::{operator::Modifier, operator::Operator, transform::Transform};

/// A part of a condition, and the byte it starts at.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub at: usize,
    pub kind: ExprKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// The name of a macro.
    Macro(String),
    Exists(Operand),
    Check {
        left: Operand,
        operator: Operator,
        modifier: Option<Modifier>,
        right: Values,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    pub at: usize,
    pub kind: OperandKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum OperandKind {
    Field {
        name: String,
        argument: Option<Vec<u8>>,
    },
    /// A text inside `join()` and `concat()`.
    Literal(Vec<u8>),
    /// For `join()` the separator comes first.
    Transform {
        transform: Transform,
        arguments: Vec<Operand>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    One(Literal),
    List(Vec<Literal>),
    /// The name of a list in place of the list.
    Named(Literal),
    Operand(Operand),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    pub at: usize,
    pub bytes: Vec<u8>,
    /// Quoted text is never the name of a list.
    pub quoted: bool,
}
