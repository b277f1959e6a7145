//! The operators, in one table, and how each is written.

/// What stands on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Nothing,
    Number,
    Text,
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Exists,
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
    Equal,
    NotEqual,
    Glob,
    IGlob,
    Contains,
    IContains,
    BContains,
    StartsWith,
    BStartsWith,
    EndsWith,
    Regex,
    Intersects,
    In,
    PMatch,
}

pub struct OperatorInfo {
    pub operator: Operator,
    pub name: &'static str,
    pub right: Right,
    /// A blank must follow: the name ends as a word does.
    pub word: bool,
}

const fn row(operator: Operator, name: &'static str, right: Right, word: bool) -> OperatorInfo {
    OperatorInfo {
        operator,
        name,
        right,
        word,
    }
}

/// In the order they are tried: no name comes after a prefix of it.
pub const ALL: &[OperatorInfo] = &[
    row(Operator::Exists, "exists", Right::Nothing, false),
    row(Operator::LessEqual, "<=", Right::Number, false),
    row(Operator::Less, "<", Right::Number, false),
    row(Operator::GreaterEqual, ">=", Right::Number, false),
    row(Operator::Greater, ">", Right::Number, false),
    row(Operator::Equal, "==", Right::Text, false),
    row(Operator::Equal, "=", Right::Text, false),
    row(Operator::NotEqual, "!=", Right::Text, false),
    row(Operator::Glob, "glob", Right::Text, true),
    row(Operator::IGlob, "iglob", Right::Text, true),
    row(Operator::Contains, "contains", Right::Text, true),
    row(Operator::IContains, "icontains", Right::Text, true),
    row(Operator::BContains, "bcontains", Right::Text, true),
    row(Operator::StartsWith, "startswith", Right::Text, true),
    row(Operator::BStartsWith, "bstartswith", Right::Text, true),
    row(Operator::EndsWith, "endswith", Right::Text, true),
    row(Operator::Regex, "regex", Right::Text, true),
    row(Operator::Intersects, "intersects", Right::List, false),
    row(Operator::In, "in", Right::List, false),
    row(Operator::PMatch, "pmatch", Right::List, false),
];

impl Operator {
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = ALL.iter().rev().find(|info| info.operator == self);
        found.map_or("", |info| info.name)
    }
}

/// How a comparison with several values on the right is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier {
    OneOf,
    AnyOf,
    AllOf,
}

pub const MODIFIERS: &[(Modifier, &str)] = &[
    (Modifier::OneOf, "oneof"),
    (Modifier::AnyOf, "anyof"),
    (Modifier::AllOf, "allof"),
];
