//! What is wrong with rules: where, what, and what was expected.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The item works, but probably not as meant.
    Warning,
    /// The item is left out.
    Error,
}

/// The kinds, with the names Falco gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    YamlParse,
    YamlValidate,
    Validate,
    CompileCondition,
    CompileOutput,
    EngineVersion,
    PluginVersion,
    Limit,
    UnknownItem,
    UnknownKey,
    UnknownSource,
    UnknownFilter,
    UnusedMacro,
    UnusedList,
    NoEvttype,
    UnsafeNaCheck,
    DeprecatedItem,
    DuplicateKey,
    UnknownEventType,
}

impl Code {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::YamlParse => "LOAD_ERR_YAML_PARSE",
            Self::YamlValidate => "LOAD_ERR_YAML_VALIDATE",
            Self::Validate => "LOAD_ERR_VALIDATE",
            Self::CompileCondition => "LOAD_ERR_COMPILE_CONDITION",
            Self::CompileOutput => "LOAD_ERR_COMPILE_OUTPUT",
            Self::EngineVersion => "LOAD_ERR_ENGINE_VERSION",
            Self::PluginVersion => "LOAD_ERR_PLUGIN_VERSION",
            Self::Limit => "LOAD_ERR_LIMIT",
            Self::UnknownItem => "LOAD_UNKNOWN_ITEM",
            Self::UnknownKey => "LOAD_UNKNOWN_KEY",
            Self::UnknownSource => "LOAD_UNKNOWN_SOURCE",
            Self::UnknownFilter => "LOAD_UNKNOWN_FILTER",
            Self::UnusedMacro => "LOAD_UNUSED_MACRO",
            Self::UnusedList => "LOAD_UNUSED_LIST",
            Self::NoEvttype => "LOAD_NO_EVTTYPE",
            Self::UnsafeNaCheck => "LOAD_UNSAFE_NA_CHECK",
            Self::DeprecatedItem => "LOAD_DEPRECATED_ITEM",
            Self::DuplicateKey => "LOAD_DUPLICATE_KEY",
            Self::UnknownEventType => "LOAD_UNKNOWN_EVTTYPE",
        }
    }
}

/// A place in a file; lines and columns count from one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    pub place: Place,
    /// The rule, macro or list it is about, as `rule Shell in a container`; or empty.
    pub item: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, or empty.
    pub expected: String,
}

impl Diagnostic {
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Place { file, line, column } = &self.place;
        write!(f, "{file}:{line}:{column}: {severity}: ")?;
        if !self.item.is_empty() {
            write!(f, "{}: ", self.item)?;
        }
        f.write_str(&self.message)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        write!(f, " [{}]", self.code.name())
    }
}
