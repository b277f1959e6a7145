//! Every field NeuVector's own command line reads from an endpoint is in our answer.
//!
//! The list of them is reference material outside of this repository: a folder named by
//! `RAMPART_REFERENCE`, or `../shared/reference` beside the workspace. Without it this test says so
//! and passes; what clients need most is also pinned in `noun.rs`.

use super::{Api, fixture, scan};
use rampart_controller::rest::{ENDPOINTS, Verb};
use serde_json::Value;
use std::path::PathBuf;

/// Columns the command line works out itself and never receives: NeuVector's own answer has no
/// such field.
const COMPUTED: &[&str] = &[
    // From `learned`, `disable` and `cfg_type`.
    "groups[].type",
    "rules[].status",
    "rules[].type",
    "policy_rules[].status",
    "policy_rules[].platform_role",
    "filters[].type",
    "process_list[].type",
    "rule.type",
    // From the timestamps, and from `allow_update`.
    "rule.created",
    "rule.modified",
    "rule.update_alert",
    // From both ends and their ports.
    "conversations[].client",
    "conversations[].server",
    "incidents[].connection",
    "threats[].connection",
    "violations[].client",
    "violations[].server",
    "violation_workloads[].name",
    // Counted or worked out from the lists of what a vulnerability is in.
    "vulnerabilities[].counts",
    "vulnerabilities[].protected",
    "vulnerabilities[].scores",
    // Headings with a space in them.
    "view supported",
    "modify supported",
    "users[].blocked for login",
    "users[].domain role",
    "users[].password expired",
    "users[].password resettable",
];

/// What is absent here as it would be there.
const ABSENT: &[&str] = &[
    // Asked of another endpoint in the same command.
    "/v1/scan/cache_stat/{id} scanners[]",
    // There is no federation to be a member of.
    "/v1/fed/member master_cluster.",
    // Replaced by the modes of new services years ago.
    "/v1/system/config config.policy_mode",
];

/// Lists that are always empty: nothing of the kind exists yet, or the fake node has none.
const EMPTY: &[&str] = &[
    "/v1/system/config config.remote_repositories[]",
    "/v1/system/config config.webhooks[]",
    "/v1/workload/{id}/process_history processes[]",
];

/// Endpoints of the same path with another answer, and why.
const OTHER: &[&str] = &[
    // Debugging of NeuVector's own process tables; ours tells which policy is in force.
    "/v1/enforcer/{id}/probe_summary",
];

fn reference() -> Option<String> {
    let named = std::env::vars_os()
        .find(|(name, _)| name == "RAMPART_REFERENCE")
        .map(|(_, path)| PathBuf::from(path));
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    std::fs::read_to_string(named.unwrap_or_else(beside).join("neuvector/map.md")).ok()
}

/// `a[].{b,c}; d.e` as `a[].b`, `a[].c`, `d.e`.
fn fields(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for part in text.split("; ") {
        match part.split_once('{') {
            Some((head, names)) => {
                let names = names.trim_end_matches('}').split(',');
                all.extend(names.map(|name| format!("{head}{name}")));
            }
            None => all.push(part.to_owned()),
        }
    }
    all
}

/// Whether some of the values at a path have the field; empty lists on all ways are no proof.
fn find(value: &Value, path: &str) -> Result<bool, &'static str> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let name = head.split('[').next().unwrap_or_default();
    let Some(at) = value.get(name) else {
        return Ok(false);
    };
    let mut ways = vec![at];
    for step in head[name.len()..]
        .split_inclusive(']')
        .filter(|step| !step.is_empty())
    {
        ways = match step {
            "[]" => ways
                .iter()
                .flat_map(|v| v.as_array().into_iter().flatten())
                .collect(),
            _ => ways
                .iter()
                .flat_map(|v| v.as_object().into_iter().flat_map(|o| o.values()))
                .collect(),
        };
    }
    if rest.is_empty() {
        return Ok(true);
    }
    let found: Vec<_> = ways.into_iter().map(|way| find(way, rest)).collect();
    match found
        .iter()
        .find(|f| **f == Ok(true))
        .or(found.iter().find(|f| **f == Ok(false)))
    {
        Some(known) => *known,
        None => Err("an empty list"),
    }
}

/// The path with ids of the fixture.
fn fill(api: &Api, path: &str) -> String {
    let rule = api
        .world
        .app
        .rules()
        .first()
        .map(|r| r.id.0.to_string())
        .unwrap_or_default();
    let uuid = api
        .world
        .app
        .group("nv.web.shop")
        .unwrap()
        .group
        .profile
        .rules[0]
        .uuid
        .clone();
    let id = match path {
        p if p.starts_with("/v1/controller") => "c1".to_owned(),
        p if p.starts_with("/v1/enforcer") || p.starts_with("/v1/host") => "n1".to_owned(),
        p if p.starts_with("/v1/workload") || p.starts_with("/v1/response/workload_rules") => {
            "web-id".to_owned()
        }
        p if p.starts_with("/v1/service") => "web.shop".to_owned(),
        p if p.starts_with("/v1/policy") => rule,
        p if p.starts_with("/v1/process_rules") => uuid,
        p if p.starts_with("/v1/api_key") => "ci".to_owned(),
        p if p.starts_with("/v1/user/") => "rita".to_owned(),
        p if p.starts_with("/v1/user_role") => "reader".to_owned(),
        p if p.starts_with("/v1/password_profile") => "default".to_owned(),
        p if p.starts_with("/v1/log/threat") => "t-1".to_owned(),
        p if p.starts_with("/v1/conversation/") => {
            return "/v1/conversation/web-id/api-id".to_owned();
        }
        _ => "nv.web.shop".to_owned(),
    };
    let id = match path {
        p if p.contains("/scan/registry/{id}/") => {
            let image = scan::image_id("shop/web:1");
            return path.replacen("{id}", "shop", 1).replace("{id}", &image);
        }
        p if p.starts_with("/v1/scan/registry") => "shop".to_owned(),
        p if p.starts_with("/v1/scan/workload") => "web-id".to_owned(),
        p if p.starts_with("/v1/scan/host") => "n1".to_owned(),
        p if p.starts_with("/v1/scan/image") => scan::image_digest("shop/web:1"),
        p if p.starts_with("/v1/scan/cache") => "s1".to_owned(),
        p if p.starts_with("/v1/vulnerability/profile") => "default".to_owned(),
        _ => id,
    };
    path.replace("{id}", &id)
}

/// Whether the table has the path, whatever its variable parts are called.
fn served(path: &str) -> bool {
    let shape = |path: &str| {
        path.split('/')
            .map(|p| if p.starts_with('{') { "{}" } else { p })
            .collect::<Vec<_>>()
            .join("/")
    };
    let exact = ENDPOINTS
        .iter()
        .any(|e| e.verb == Verb::Get && shape(e.path) == shape(path));
    exact || path == "/v1/password_profile/nvsyspwdprofile"
}

#[tokio::test]
async fn every_field_the_command_line_reads_is_there() {
    let Some(map) = reference() else {
        println!("skipped: the reference folder is not here");
        return;
    };
    let api = fixture::everything().await;
    let (mut endpoints, mut checked, mut empty, mut missing) = (0, 0, 0, Vec::new());
    let appendix = map
        .lines()
        .skip_while(|line| !line.starts_with("## Appendix A"))
        .skip(1);
    for line in appendix.take_while(|line| !line.starts_with("## ")) {
        let Some((path, text)) = line.strip_prefix("- `GET ").and_then(|l| l.split_once('`'))
        else {
            continue;
        };
        let text = text.split_once(": ").map_or(text, |(query, rest)| {
            if query.starts_with(" (q") {
                rest
            } else {
                text.trim_start_matches(": ")
            }
        });
        let text = text.split_once("): ").map_or(text, |(_, rest)| rest);
        if !served(path) || OTHER.contains(&path) {
            continue;
        }
        let reply = api.admin.get(&fill(&api, path)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.json());
        endpoints += 1;
        let body = reply.json();
        for field in fields(text) {
            let full = format!("{path} {field}");
            if COMPUTED.iter().any(|c| field.ends_with(c))
                || ABSENT.iter().any(|a| full.starts_with(a))
            {
                continue;
            }
            match find(&body, &field) {
                Ok(true) => checked += 1,
                Ok(false) => missing.push(full),
                Err(_) if EMPTY.iter().any(|e| full.starts_with(e)) => empty += 1,
                Err(why) => missing.push(format!("{full} ({why})")),
            }
        }
    }
    println!("{endpoints} endpoints, {checked} fields there, {empty} of lists that are empty");
    assert!(
        endpoints > 30,
        "the reference could not be read: {endpoints}"
    );
    assert!(missing.is_empty(), "{missing:#?}");
}
