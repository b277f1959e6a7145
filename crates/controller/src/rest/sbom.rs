//! Bills of materials of what was scanned, as files to download.

use super::{
    Rest,
    call::{Ask, Name, Pair, Who},
    error::Failure,
    registry, scan,
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use rampart_api::query::ListQuery;
use rampart_model::ScanReport as Report;
use rampart_vuln::sbom::{self, cyclonedx, spdx};

/// Of a subject's name, in a file's.
const NAME_CHARS: usize = 120;

/// One row a format: its names in `format=`, its media type, and how a file of it ends.
struct Format {
    names: &'static [&'static str],
    media_type: &'static str,
    suffix: &'static str,
    write: fn(&Report, &sbom::Options, bool) -> String,
}

/// The first is what is sent when no format is asked for.
const FORMATS: &[Format] = &[
    Format {
        names: &["cyclonedx", "cyclonedx-1.6", "cyclonedx-json"],
        media_type: "application/vnd.cyclonedx+json; version=1.6",
        suffix: "cdx.json",
        write: |report, options, all| {
            cyclonedx::write(report, options, cyclonedx::Version::V1_6, all)
        },
    },
    Format {
        names: &["cyclonedx-1.5"],
        media_type: "application/vnd.cyclonedx+json; version=1.5",
        suffix: "cdx.json",
        write: |report, options, all| {
            cyclonedx::write(report, options, cyclonedx::Version::V1_5, all)
        },
    },
    Format {
        names: &["spdx", "spdx-json"],
        media_type: "application/spdx+json",
        suffix: "spdx.json",
        write: |report, options, _| spdx::write_json(report, options),
    },
    Format {
        names: &["spdx-tag-value"],
        media_type: "text/spdx; charset=utf-8",
        suffix: "spdx",
        write: |report, options, _| spdx::write_tag_value(report, options),
    },
];

/// What of the query counts here.
struct Wanted {
    format: &'static Format,
    vulnerabilities: bool,
}

/// Read before the report is: a wrong format is told of for what does not exist, too.
fn wanted(query: &ListQuery) -> Result<Wanted, Failure> {
    let asked = query.other("format").unwrap_or_default();
    let format = if asked.is_empty() {
        FORMATS.first()
    } else {
        FORMATS.iter().find(|format| {
            let mut names = format.names.iter();
            names.any(|name| name.eq_ignore_ascii_case(asked))
        })
    };
    let format = format.ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.names[0]).collect();
        Failure::invalid(format!(
            "format is one of {}, not {asked:?}",
            names.join(", ")
        ))
    })?;
    let vulnerabilities = match query.other("vulnerabilities") {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(Failure::invalid(format!(
                "vulnerabilities is true or false, not {other:?}"
            )));
        }
    };
    Ok(Wanted {
        format,
        vulnerabilities,
    })
}

fn file(report: &Report, name: &str, wanted: &Wanted) -> Response {
    let options = sbom::Options {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        created: report.scanned_at,
        author: String::new(),
    };
    let text = (wanted.format.write)(report, &options, wanted.vulnerabilities);
    let mut response = text.into_response();
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(wanted.format.media_type);
    headers.insert(header::CONTENT_TYPE, media_type);
    let name = format!(
        "attachment; filename=\"{}.{}\"",
        plain(name),
        wanted.format.suffix
    );
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// A subject's name as any file system takes it.
fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let plain: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(NAME_CHARS)
        .collect();
    let plain = plain.trim_matches(['.', '-']);
    if plain.is_empty() {
        "sbom".to_owned()
    } else {
        plain.to_owned()
    }
}

pub(super) async fn workload(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
    Name(id): Name,
) -> Result<Response, Failure> {
    let wanted = wanted(&query)?;
    let (view, report) = scan::workload_scan(&rest, &who, &id).await?;
    Ok(file(&report, &view.workload.name, &wanted))
}

pub(super) async fn image(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Name(id): Name,
) -> Result<Response, Failure> {
    let wanted = wanted(&query)?;
    let (name, report) = scan::image_scan(&rest, &id).await?;
    Ok(file(&report, &name, &wanted))
}

pub(super) async fn host(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Name(id): Name,
) -> Result<Response, Failure> {
    let wanted = wanted(&query)?;
    let (name, report) = scan::host_scan(&rest, &id).await?;
    Ok(file(&report, &name, &wanted))
}

pub(super) async fn registry_image(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Pair(name, id): Pair,
) -> Result<Response, Failure> {
    let wanted = wanted(&query)?;
    let (image, report) = registry::find(&rest, &name, &id).await?;
    Ok(file(&report, &image, &wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        for (name, expected) in [
            ("shop/web:1", "shop-web-1"),
            (
                "https://reg.example:5000/shop/web:1",
                "reg.example-5000-shop-web-1",
            ),
            ("../../etc/passwd", "etc-passwd"),
            ("a\"\r\nb;ü", "a---b"),
            ("", "sbom"),
            ("..", "sbom"),
        ] {
            assert_eq!(plain(name), expected, "{name}");
        }
        assert_eq!(plain(&"x".repeat(500)).len(), NAME_CHARS);
    }

    #[test]
    fn a_wrong_query_says_what_is_right() {
        let names = |text: &str| {
            let query = ListQuery::parse(text).unwrap();
            wanted(&query).map(|wanted| (wanted.format.names[0], wanted.vulnerabilities))
        };
        assert_eq!(names("").unwrap(), ("cyclonedx", false));
        assert_eq!(names("format=SPDX").unwrap(), ("spdx", false));
        let both = names("format=cyclonedx-1.5&vulnerabilities=true").unwrap();
        assert_eq!(both, ("cyclonedx-1.5", true));
        assert!(names("format=swid").is_err() && names("vulnerabilities=1").is_err());
    }
}
