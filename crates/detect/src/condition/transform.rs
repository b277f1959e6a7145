//! The transformers: functions of a field's value, in one table.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// With and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// The field itself: on the right of a comparison only.
    Val,
    ToLower,
    ToUpper,
    /// Decodes base64; text that is none has no value.
    B64,
    /// What follows the last slash.
    Basename,
    /// Bytes of a text, members of a list.
    Len,
    /// `join(separator, (a, b))`.
    Join,
    /// `concat(a, b)`.
    Concat,
}

/// What stands between the parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Field,
    Operand,
    SeparatorAndList,
    Operands,
}

pub struct TransformInfo {
    pub transform: Transform,
    pub name: &'static str,
    pub shape: Shape,
}

const fn row(transform: Transform, name: &'static str, shape: Shape) -> TransformInfo {
    TransformInfo {
        transform,
        name,
        shape,
    }
}

pub const ALL: &[TransformInfo] = &[
    row(Transform::Val, "val", Shape::Field),
    row(Transform::ToLower, "tolower", Shape::Operand),
    row(Transform::ToUpper, "toupper", Shape::Operand),
    row(Transform::B64, "b64", Shape::Operand),
    row(Transform::Basename, "basename", Shape::Operand),
    row(Transform::Len, "len", Shape::Operand),
    row(Transform::Join, "join", Shape::SeparatorAndList),
    row(Transform::Concat, "concat", Shape::Operands),
];

impl Transform {
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.iter()
            .find(|info| info.transform == self)
            .map_or("", |info| info.name)
    }
}

/// Applies a transformer of one text in place. False: there is no value.
pub(crate) fn apply(transform: Transform, text: &mut Vec<u8>) -> bool {
    match transform {
        Transform::ToLower => text.make_ascii_lowercase(),
        Transform::ToUpper => text.make_ascii_uppercase(),
        Transform::B64 => match BASE64.decode(&*text) {
            Ok(decoded) => *text = decoded,
            Err(_) => return false,
        },
        Transform::Basename => {
            let cut = text.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
            text.drain(..cut);
        }
        Transform::Val | Transform::Len | Transform::Join | Transform::Concat => {}
    }
    true
}
