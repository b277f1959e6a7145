//! Tables and JSON, and text that cannot drive a terminal.

use crate::settings::Output;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// One column: heading, and where its value is in a row.
pub(crate) type Column = (&'static str, &'static str);

/// Prints rows as a table of those columns, or the rows themselves as JSON.
pub(crate) fn rows(output: Output, rows: &[Value], columns: &[Column]) {
    match output {
        Output::Json => json(&Value::Array(rows.to_vec())),
        Output::Table => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_header(columns.iter().map(|(heading, _)| *heading));
            for row in rows {
                table.add_row(columns.iter().map(|(_, path)| cell(row, path)));
            }
            println!("{table}");
            println!("{} in all", rows.len());
        }
    }
}

pub(crate) fn json(value: &Value) {
    println!(
        "{}",
        serde_json::to_string_pretty(value).unwrap_or_default()
    );
}

/// Prints an object as `key: value` lines, or as JSON.
pub(crate) fn object(output: Output, value: &Value) {
    match (output, value) {
        (Output::Table, Value::Object(fields)) => {
            let width = fields.keys().map(String::len).max().unwrap_or(0);
            for (key, value) in fields {
                println!("{key:<width$}  {}", text(value));
            }
        }
        _ => json(value),
    }
}

fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').fold(row, |value, key| &value[key]);
    text(found)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => printable(&other.to_string()),
    }
}

/// Control characters become visible, so that no name moves the cursor or paints the screen.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control()
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c);
            let pieces: Vec<char> = if escaped {
                c.escape_default().collect()
            } else {
                vec![c]
            };
            pieces
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terminal_escapes_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{1b}[31mred\n"), "a\\u{1b}[31mred\\n");
        assert_eq!(printable("caf\u{e9} \u{202e}txt"), "café \\u{202e}txt");
    }

    #[test]
    fn cells_follow_paths() {
        let row = json!({"brief": {"name": "web"}, "ports": ["tcp/80", "tcp/443"]});
        assert_eq!(cell(&row, "brief.name"), "web");
        assert_eq!(cell(&row, "ports"), "tcp/80 tcp/443");
        assert_eq!(cell(&row, "missing.name"), "");
    }
}
