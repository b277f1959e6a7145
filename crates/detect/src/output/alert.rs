//! An alert, as Falco prints it.

use crate::{field::extract::time_text, yaml::Priority};
use serde_json::{Map, Value as Json, json};

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    pub rule: String,
    pub priority: Priority,
    pub source: String,
    pub tags: Vec<String>,
    /// The rule's output with its fields filled in, without time and priority.
    pub message: String,
    /// The fields of the output and their values; what is missing is null.
    pub fields: Map<String, Json>,
    pub hostname: String,
}

impl Alert {
    /// One line: time, priority, message.
    #[must_use]
    pub fn text(&self) -> String {
        let time = time_text(self.time_ns, "%H:%M:%S.%9f").unwrap_or_default();
        format!("{time}: {} {}", self.priority, self.message)
    }

    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "hostname": self.hostname,
            "output": self.text(),
            "output_fields": self.fields,
            "priority": self.priority.name(),
            "rule": self.rule,
            "source": self.source,
            "tags": self.tags,
            "time": time_text(self.time_ns, "%Y-%m-%dT%H:%M:%S.%9fZ").unwrap_or_default(),
        })
    }
}
