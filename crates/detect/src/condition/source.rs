//! What a comparison reads: a field, or a transformer of fields. Interned, so that equal ones are
//! read once an event.

use super::{
    ast::{Operand, OperandKind},
    transform::{self, Transform},
};
use crate::field::{
    Arity, Event, Field, FieldError, FieldRef, Kind, Value,
    extract::{each, value},
};
use std::io::Write as _;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Field(FieldRef),
    Literal(Box<[u8]>),
    Transform(Transform, Vec<Source>),
}

/// Why an operand cannot be compiled, and the byte of the condition it is about.
#[derive(Clone, Debug)]
pub(crate) struct SourceError {
    pub(crate) at: usize,
    pub(crate) message: String,
    /// A field nobody knows: `skip-if-unknown-filter` forgives it.
    pub(crate) unknown_field: bool,
}

impl Source {
    pub(crate) fn resolve(operand: &Operand) -> Result<Self, SourceError> {
        let error = |message: String, unknown_field| SourceError {
            at: operand.at,
            message,
            unknown_field,
        };
        match &operand.kind {
            OperandKind::Literal(bytes) => Ok(Self::Literal(bytes.clone().into())),
            OperandKind::Field { name, argument } => {
                match FieldRef::resolve(name, argument.as_deref()) {
                    Ok(field) => Ok(Self::Field(field)),
                    Err(wrong) => {
                        let unknown = matches!(wrong, FieldError::Unknown { .. });
                        Err(error(wrong.to_string(), unknown))
                    }
                }
            }
            OperandKind::Transform {
                transform,
                arguments,
            } => {
                let inner: Vec<_> = arguments
                    .iter()
                    .map(Self::resolve)
                    .collect::<Result<_, _>>()?;
                if let Some(what) = refused(*transform, &inner) {
                    return Err(error(format!("{}() {what}", transform.name()), false));
                }
                match transform {
                    Transform::Val => inner
                        .into_iter()
                        .next()
                        .ok_or_else(|| error("val() takes a field".to_owned(), false)),
                    _ => Ok(Self::Transform(*transform, inner)),
                }
            }
        }
    }

    pub(crate) fn fields(&self, all: &mut rustc_hash::FxHashSet<Field>) {
        match self {
            Self::Field(field) => {
                all.insert(field.field);
            }
            Self::Literal(_) => {}
            Self::Transform(_, inner) => inner.iter().for_each(|source| source.fields(all)),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.field.info().kind,
            Self::Literal(_) => Kind::Text,
            Self::Transform(Transform::Len, _) => Kind::Int,
            Self::Transform(..) => Kind::Text,
        }
    }

    pub(crate) fn arity(&self) -> Arity {
        match self {
            Self::Field(field) => field.arity(),
            Self::Literal(_) => Arity::One,
            // A transformer of each of several is several; of all together it is one.
            Self::Transform(
                Transform::Len | Transform::Join | Transform::Concat | Transform::Val,
                _,
            ) => Arity::One,
            Self::Transform(_, inner) => inner.first().map_or(Arity::One, Self::arity),
        }
    }

    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Field(field) => match (field.field.info().kind, field.arity()) {
                (_, Arity::Any) => 20,
                (Kind::Text | Kind::Dynamic, _) => 3,
                _ => 1,
            },
            Self::Literal(_) => 0,
            Self::Transform(_, inner) => 20 + inner.iter().map(Self::cost).sum::<u32>(),
        }
    }
}

/// Transformers take text; `len()` takes lists too, `join()` and `concat()` anything.
fn refused(transform: Transform, inner: &[Source]) -> Option<String> {
    let takes_text = matches!(
        transform,
        Transform::ToLower
            | Transform::ToUpper
            | Transform::B64
            | Transform::Basename
            | Transform::Len
    );
    let first = inner.first()?;
    (takes_text && !matches!(first.kind(), Kind::Text | Kind::Dynamic))
        .then(|| format!("takes a string, not a {}", first.kind().name()))
}

/// Buffers that are used again, so that evaluation allocates nothing once warm.
#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Vec<u8>>);

impl Pool {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    pub(crate) fn give(&mut self, buffer: Vec<u8>) {
        self.0.push(buffer);
    }
}

/// Calls `stop` with each value of the source until it says so.
pub(crate) fn values(
    source: &Source,
    event: &Event<'_>,
    pool: &mut Pool,
    stop: &mut dyn FnMut(Value<'_>, &mut Pool) -> bool,
) {
    let mut scratch = pool.take();
    match source {
        Source::Field(field) if field.arity() == Arity::One => {
            let found = value(event, field, &mut scratch);
            if found != Value::Missing {
                stop(found, pool);
            }
        }
        Source::Field(field) => each(event, field, &mut scratch, |value| stop(value, pool)),
        Source::Transform(transform, inner) if source.arity() != Arity::One => {
            let mut changed = pool.take();
            values(&inner[0], event, pool, &mut |value, pool| {
                changed.clear();
                write(value, &mut changed);
                transform::apply(*transform, &mut changed) && stop(Value::Text(&changed), pool)
            });
            pool.give(changed);
        }
        Source::Literal(_) | Source::Transform(..) => {
            match render(source, event, pool, &mut scratch) {
                Rendered::Missing => {}
                Rendered::Text => {
                    stop(Value::Text(&scratch), pool);
                }
                Rendered::Int(number) => {
                    stop(Value::Int(number), pool);
                }
            }
        }
    }
    pool.give(scratch);
}

/// What `render` left: in its buffer if it is text.
enum Rendered {
    Missing,
    Text,
    Int(i64),
}

fn render(source: &Source, event: &Event<'_>, pool: &mut Pool, out: &mut Vec<u8>) -> Rendered {
    out.clear();
    match source {
        Source::Literal(bytes) => {
            out.extend_from_slice(bytes);
            Rendered::Text
        }
        Source::Field(field) => {
            let mut scratch = pool.take();
            let found = value(event, field, &mut scratch);
            let rendered = match found {
                Value::Missing => Rendered::Missing,
                other => {
                    write(other, out);
                    Rendered::Text
                }
            };
            pool.give(scratch);
            rendered
        }
        Source::Transform(Transform::Len, inner) => length(&inner[0], event, pool, out),
        Source::Transform(Transform::Join, inner) => {
            let mut separator = pool.take();
            let known = !matches!(
                render(&inner[0], event, pool, &mut separator),
                Rendered::Missing
            );
            let rendered = match known {
                true => joined(&inner[1..], &separator, event, pool, out),
                false => Rendered::Missing,
            };
            pool.give(separator);
            rendered
        }
        Source::Transform(Transform::Concat, inner) => joined(inner, b"", event, pool, out),
        Source::Transform(transform, inner) => match render(&inner[0], event, pool, out) {
            Rendered::Text if transform::apply(*transform, out) => Rendered::Text,
            _ => Rendered::Missing,
        },
    }
}

fn length(source: &Source, event: &Event<'_>, pool: &mut Pool, out: &mut Vec<u8>) -> Rendered {
    if source.arity() == Arity::List {
        let mut count = 0;
        values(source, event, pool, &mut |_, _| {
            count += 1;
            false
        });
        return match count {
            0 => Rendered::Missing,
            _ => Rendered::Int(count),
        };
    }
    match render(source, event, pool, out) {
        Rendered::Text => Rendered::Int(i64::try_from(out.len()).unwrap_or(i64::MAX)),
        other => other,
    }
}

fn joined(
    parts: &[Source],
    separator: &[u8],
    event: &Event<'_>,
    pool: &mut Pool,
    out: &mut Vec<u8>,
) -> Rendered {
    let mut part = pool.take();
    out.clear();
    for (at, source) in parts.iter().enumerate() {
        match render(source, event, pool, &mut part) {
            Rendered::Missing => {
                pool.give(part);
                return Rendered::Missing;
            }
            Rendered::Int(number) => {
                part.clear();
                write(Value::Int(number), &mut part);
            }
            Rendered::Text => {}
        }
        if at > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(&part);
    }
    pool.give(part);
    Rendered::Text
}

/// A value as text.
pub(crate) fn write(value: Value<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match value {
        Value::Missing => Ok(()),
        Value::Text(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Value::Int(number) => write!(out, "{number}"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Ip(ip) => write!(out, "{ip}"),
    };
}
