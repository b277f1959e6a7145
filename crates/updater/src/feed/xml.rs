//! Walks an XML file: elements opened, and closed with their text. Entities are the predefined ones
//! and characters by number; nothing else is expanded, so a file cannot grow by being read.

use crate::output::Output;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Longest text of one element that is kept, in bytes.
const MAX_TEXT: usize = 64 * 1024;

pub(super) trait Handler {
    fn open(&mut self, element: &BytesStart<'_>, out: &mut Output<'_>);
    /// `text` is what stands directly before the end of the element.
    fn close(&mut self, name: &str, text: &str, out: &mut Output<'_>);
}

/// Returns whether the file ended where XML may end.
pub(super) fn walk(bytes: &[u8], handler: &mut dyn Handler, out: &mut Output<'_>) -> bool {
    let source = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&source);
    let mut text = String::new();
    let mut depth = 0_u64;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                text.clear();
                depth += 1;
                handler.open(&start, out);
            }
            Ok(Event::Empty(start)) => {
                text.clear();
                handler.open(&start, out);
                handler.close(start.local_name().as_ref(), "", out);
            }
            Ok(Event::Text(part)) => add(&mut text, &part),
            Ok(Event::CData(part)) => add(&mut text, &part),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(c)) => add(&mut text, c.encode_utf8(&mut [0; 4])),
                _ => add(&mut text, predefined(&reference)),
            },
            Ok(Event::End(end)) => {
                depth = depth.saturating_sub(1);
                handler.close(end.local_name().as_ref(), text.trim(), out);
                text.clear();
            }
            Ok(Event::Eof) if depth == 0 => return true,
            Ok(Event::Eof) => {
                out.error("the XML breaks off");
                return false;
            }
            Ok(_) => {}
            Err(error) => {
                out.error(format!("at byte {}: {error}", reader.error_position()));
                return false;
            }
        }
    }
}

fn add(text: &mut String, part: &str) {
    if text.len() + part.len() <= MAX_TEXT {
        text.push_str(part);
    }
}

fn predefined(name: &str) -> &'static str {
    match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

/// An attribute by its local name; empty if it is not there.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    element
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .and_then(|attribute| {
            attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .ok()
                .map(|value| value.into_owned())
        })
        .unwrap_or_default()
}
