//! Documents inside attestations: a DSSE envelope holds an in-toto statement, that a predicate,
//! which is the document. Signatures are not judged here.

use super::{SbomError, json, text};
use base64::{Engine as _, engine::general_purpose};
use serde_json::Value;

const PAYLOAD_TYPES: [&str; 2] = ["application/vnd.in-toto+json", "application/vnd.in-toto"];

/// What lies inside; none if it is no envelope, statement or predicate.
pub(super) fn unwrap(value: Value) -> Result<Option<Value>, SbomError> {
    if value.get("payloadType").is_some() || value.get("payload").is_some() {
        return payload(&value).map(Some);
    }
    // A bundle of signature and certificate around an envelope.
    let Value::Object(mut object) = value else {
        return Ok(None);
    };
    for key in ["dsseEnvelope", "predicate", "Data"] {
        match object.remove(key) {
            // cosign puts an SPDX tag-value document or JSON as text there.
            Some(Value::String(inner)) if key == "Data" => return json(&inner).map(Some),
            Some(inner @ Value::Object(_)) => return Ok(Some(inner)),
            _ => {}
        }
    }
    Ok(None)
}

fn payload(value: &Value) -> Result<Value, SbomError> {
    let kind = text(value, "payloadType");
    if !PAYLOAD_TYPES.contains(&kind) {
        return Err(SbomError::Attestation("its type is not in-toto's"));
    }
    let encoded = text(value, "payload");
    let bytes = general_purpose::STANDARD
        .decode(encoded)
        .or_else(|_| general_purpose::URL_SAFE.decode(encoded))
        .map_err(|_| SbomError::Attestation("it is no base64"))?;
    let inner = std::str::from_utf8(&bytes).map_err(|_| SbomError::Attestation("it is no text"))?;
    json(inner)
}
