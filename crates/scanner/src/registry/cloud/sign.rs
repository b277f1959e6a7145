//! AWS Signature Version 4 for JSON calls.

use super::aws::Keys;
use crate::{digest, registry::Client};
use aws_lc_rs::hmac;
use std::time::{SystemTime, UNIX_EPOCH};

/// A signed POST of a JSON body to the root of a service.
pub(super) fn request(
    client: &Client,
    endpoint: &str,
    region: &str,
    service: &str,
    target: &str,
    body: &'static [u8],
    keys: &Keys,
) -> reqwest::RequestBuilder {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let time = amz_time(SystemTime::now());
    let call = Call {
        host,
        region,
        service,
        target,
        body,
        time: &time,
    };
    let mut request = client
        .http
        .post(format!("{endpoint}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header("x-amz-date", &time)
        .header("authorization", authorization(&call, keys));
    if let Some(token) = &keys.token {
        request = request.header("x-amz-security-token", token);
    }
    request.body(body)
}

struct Call<'a> {
    host: &'a str,
    region: &'a str,
    service: &'a str,
    target: &'a str,
    body: &'a [u8],
    time: &'a str,
}

fn authorization(call: &Call<'_>, keys: &Keys) -> String {
    let mut headers = vec![
        ("content-type", "application/x-amz-json-1.1"),
        ("host", call.host),
        ("x-amz-date", call.time),
    ];
    if let Some(token) = &keys.token {
        headers.push(("x-amz-security-token", token));
    }
    headers.push(("x-amz-target", call.target));
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", hex(call.body));
    let day = &call.time[..8];
    let scope = format!("{day}/{}/{}/aws4_request", call.region, call.service);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        call.time,
        hex(canonical.as_bytes())
    );
    let mut key = mac(format!("AWS4{}", keys.secret).as_bytes(), day.as_bytes());
    for part in [call.region, call.service, "aws4_request"] {
        key = mac(key.as_ref(), part.as_bytes());
    }
    let signature: String = mac(key.as_ref(), to_sign.as_bytes())
        .as_ref()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.id
    )
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

fn hex(bytes: &[u8]) -> String {
    digest::sha256(bytes).split_off("sha256:".len())
}

/// `YYYYMMDDTHHMMSSZ`.
fn amz_time(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day number, counting years from March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times() {
        let at = |seconds| amz_time(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(1_440_938_160), "20150830T123600Z");
        assert_eq!(at(1_709_164_800), "20240229T000000Z");
    }

    /// Computed by hand of an independent implementation (Python's hmac and hashlib).
    #[test]
    fn signature() {
        let keys = Keys {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let call = Call {
            host: "api.ecr.us-east-1.amazonaws.com",
            region: "us-east-1",
            service: "ecr",
            target: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            body: b"{}",
            time: "20150830T123600Z",
        };
        let signed = authorization(&call, &keys);
        assert!(
            signed.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ecr/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
            ),
            "{signed}"
        );
        assert!(
            signed.ends_with(
                "Signature=527a2155e9afc2426cb4c659023df9c031e8103458f349819615ff25111f5de0"
            ),
            "{signed}"
        );
    }
}
