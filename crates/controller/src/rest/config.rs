//! System settings.
//!
//! A patch is flattened to keys and values, whatever part it put them in; each key is one of
//! ours, or one of NeuVector's for something Rampart does not have. The latter may be "set" to the
//! value it has, so that a client may send back what it read; anything else is refused by name.

use super::{
    Rest,
    answer::{Answer, done},
    call::Body,
    error::Failure,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{baseline_of, mode_of},
    rest::{Empty, config::*},
};
use rampart_model::{
    Mode,
    scan_job::{Autoscale, ScaleStrategy},
    settings::Settings,
};
use serde_json::{Map, Value};

/// Promotion times when a client switches promotion on and names none.
const QUIET_SECS: u64 = 6 * 3600;

fn new_service(s: &Settings) -> NewService {
    NewService {
        new_service_policy_mode: s.new_service_policy_mode.to_string(),
        new_service_profile_mode: s.new_service_profile_mode.to_string(),
        new_service_profile_baseline: s.new_service_baseline.to_string(),
    }
}

fn misc(s: &Settings) -> MiscSettings {
    MiscSettings {
        unused_group_aging: s.unused_group_aging_hours,
        cluster_name: s.cluster_name.clone(),
        xff_enabled: s.xff_enabled,
        no_telemetry_report: true,
        cfg_type: "user_created".to_owned(),
        fail_closed: s.fail_closed,
        event_retention_days: s.event_retention_days,
        event_retention_max_records: s.event_retention_max_records,
        ..MiscSettings::default()
    }
}

fn net_service(s: &Settings) -> NetService {
    NetService {
        net_service_status: s.network_mode_override.is_some(),
        net_service_policy_mode: s
            .network_mode_override
            .unwrap_or(Mode::Discover)
            .to_string(),
        disable_net_policy: s.network_policy_disabled,
        detect_unmanaged_wl: false,
        strict_group_mode: s.strict_group_mode,
    }
}

fn mode_auto(s: &Settings) -> ModeAuto {
    let secs = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    ModeAuto {
        mode_auto_d2m: s.auto_monitor_after_secs > 0,
        mode_auto_d2m_duration: secs(s.auto_monitor_after_secs),
        mode_auto_m2p: s.auto_protect_after_secs > 0,
        mode_auto_m2p_duration: secs(s.auto_protect_after_secs),
    }
}

fn auth_settings() -> AuthSettings {
    AuthSettings {
        auth_order: vec!["local".to_owned()],
        ..AuthSettings::default()
    }
}

fn autoscale(rule: &Autoscale) -> ScannerAutoscale {
    ScannerAutoscale {
        strategy: rule.strategy.name().to_owned(),
        min_pods: rule.min,
        max_pods: rule.max,
    }
}

/// Puts what a client sent of scaling in place of what is.
fn autoscale_of(rule: &mut Autoscale, value: &Value) -> Result<(), Failure> {
    let Value::Object(fields) = value else {
        return Err(Failure::invalid("`scanner_autoscale` is an object"));
    };
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "strategy" => {
                let name = text(key, value)?;
                rule.strategy = ScaleStrategy::parse(name).ok_or_else(|| {
                    Failure::invalid("`strategy` is immediate, delayed, or empty for none")
                })?;
            }
            "min_pods" => rule.min = number(key, value, 0, 1000)?,
            "max_pods" => rule.max = number(key, value, 0, 1000)?,
            _ => {
                return Err(Failure::invalid(format!(
                    "`scanner_autoscale` has no `{key}`"
                )));
            }
        }
    }
    Ok(())
}

fn wire(s: &Settings) -> SystemConfig {
    SystemConfig {
        new_svc: new_service(s),
        auth: auth_settings(),
        misc: misc(s),
        net_svc: net_service(s),
        mode_auto: mode_auto(s),
        ..SystemConfig::default()
    }
}

pub(super) async fn show(State(rest): State<Rest>) -> Answer<SystemConfigData> {
    let mut config = wire(&rest.app().settings());
    config.scanner_autoscale = autoscale(&rest.app().scan_config().autoscale);
    Ok(Json(SystemConfigData { config }))
}

pub(super) async fn show_v2(State(rest): State<Rest>) -> Answer<SystemConfigDataV2> {
    let s = rest.app().settings();
    let config = SystemConfigV2 {
        new_svc: new_service(&s),
        auth: auth_settings(),
        misc: misc(&s),
        net_svc: net_service(&s),
        mode_auto: mode_auto(&s),
        scanner_autoscale: autoscale(&rest.app().scan_config().autoscale),
        ..SystemConfigV2::default()
    };
    Ok(Json(SystemConfigDataV2 { config }))
}

pub(super) async fn update(
    State(rest): State<Rest>,
    Body(patch): Body<SystemConfigPatch>,
) -> Answer<Empty> {
    apply(&rest, [patch.config, patch.net_config, patch.atmo_config]).await
}

pub(super) async fn update_v2(
    State(rest): State<Rest>,
    Body(patch): Body<SystemConfigPatchV2>,
) -> Answer<Empty> {
    let mut flat = Map::new();
    for (key, value) in patch.config_v2.unwrap_or_default() {
        match value {
            // Parts; a proxy is a value that happens to be an object.
            Value::Object(part) if key == "scanner_autoscale_cfg" => {
                flat.insert("scanner_autoscale".to_owned(), Value::Object(part));
            }
            Value::Object(part) if key.ends_with("_cfg") => flat.extend(part),
            value => {
                flat.insert(key, value);
            }
        }
    }
    apply(&rest, [Some(flat), patch.net_config, patch.atmo_config]).await
}

async fn apply(rest: &Rest, parts: [Option<Map<String, Value>>; 3]) -> Answer<Empty> {
    let mut settings = rest.app().settings();
    let truth = serde_json::to_value(wire(&settings)).unwrap_or_default();
    let mut durations = (None, None);
    let before = rest.app().scan_config().autoscale;
    let mut scale = before.clone();
    for (key, value) in parts.into_iter().flatten().flatten() {
        match key.as_str() {
            "mode_auto_d2m_duration" => durations.0 = duration(&key, &value)?,
            "mode_auto_m2p_duration" => durations.1 = duration(&key, &value)?,
            _ if value.is_null() => {}
            "scanner_autoscale" => autoscale_of(&mut scale, &value)?,
            _ => set(&mut settings, &key, &value, &truth)?,
        }
    }
    // A duration counts while its switch is on, whichever came first.
    for (secs, given) in [
        (&mut settings.auto_monitor_after_secs, durations.0),
        (&mut settings.auto_protect_after_secs, durations.1),
    ] {
        if let (Some(given), true) = (given, *secs > 0) {
            *secs = given;
        }
    }
    if scale != before {
        rest.app()
            .update_scan_config(move |config| config.autoscale = scale)
            .await?;
    }
    rest.app()
        .update_settings(move |current| *current = settings)
        .await?;
    done()
}

fn set(s: &mut Settings, key: &str, value: &Value, truth: &Value) -> Result<(), Failure> {
    match key {
        "new_service_policy_mode" => {
            s.new_service_policy_mode = mode_of("new_service_policy_mode", text(key, value)?)?
        }
        "new_service_profile_mode" => {
            s.new_service_profile_mode = mode_of("new_service_profile_mode", text(key, value)?)?
        }
        "new_service_profile_baseline" => {
            s.new_service_baseline = baseline_of("new_service_profile_baseline", text(key, value)?)?
        }
        "unused_group_aging" => s.unused_group_aging_hours = number(key, value, 0, 720)?,
        "cluster_name" => s.cluster_name = cluster_name(text(key, value)?)?,
        "xff_enabled" => s.xff_enabled = flag(key, value)?,
        "fail_closed" => s.fail_closed = flag(key, value)?,
        "event_retention_days" => s.event_retention_days = number(key, value, 1, 3650)?,
        "event_retention_max_records" => {
            s.event_retention_max_records = u64::from(number(key, value, 1000, 1_000_000_000)?)
        }
        "disable_net_policy" => s.network_policy_disabled = flag(key, value)?,
        "strict_group_mode" => s.strict_group_mode = flag(key, value)?,
        "net_service_status" => {
            let mode = s.network_mode_override.unwrap_or(Mode::Discover);
            s.network_mode_override = flag(key, value)?.then_some(mode);
        }
        "net_service_policy_mode" => {
            net_mode(s, mode_of("net_service_policy_mode", text(key, value)?)?)?
        }
        "mode_auto_d2m" => switch(&mut s.auto_monitor_after_secs, flag(key, value)?),
        "mode_auto_m2p" => switch(&mut s.auto_protect_after_secs, flag(key, value)?),
        _ => return absent(key, value, truth),
    }
    Ok(())
}

/// The override is one value here: a mode without the switch would be forgotten.
fn net_mode(s: &mut Settings, mode: Mode) -> Result<(), Failure> {
    match &mut s.network_mode_override {
        Some(current) => *current = mode,
        None if mode == Mode::Discover => {}
        None => {
            return Err(Failure::unsupported(
                "switch `net_service_status` on before setting `net_service_policy_mode`",
            ));
        }
    }
    Ok(())
}

fn switch(secs: &mut u64, on: bool) {
    *secs = match (on, *secs) {
        (false, _) => 0,
        (true, 0) => QUIET_SECS,
        (true, kept) => kept,
    };
}

/// A setting of something Rampart does not have.
fn absent(key: &str, value: &Value, truth: &Value) -> Result<(), Failure> {
    match truth.get(key) {
        Some(current) if current == value => Ok(()),
        Some(Value::Object(_)) if empty(value) => Ok(()),
        Some(_) => Err(Failure::unsupported(format!(
            "`{key}` cannot be changed: Rampart does not have what it sets"
        ))),
        None => Err(Failure::invalid(format!("no setting is called `{key}`"))),
    }
}

/// As a client sends back an object it never filled.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(empty),
        Value::Bool(true) => false,
    }
}

fn text<'v>(key: &str, value: &'v Value) -> Result<&'v str, Failure> {
    value
        .as_str()
        .ok_or_else(|| Failure::invalid(format!("`{key}` is text")))
}

fn flag(key: &str, value: &Value) -> Result<bool, Failure> {
    value
        .as_bool()
        .ok_or_else(|| Failure::invalid(format!("`{key}` is true or false")))
}

fn number(key: &str, value: &Value, min: u32, max: u32) -> Result<u32, Failure> {
    let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
    number
        .filter(|n| (min..=max).contains(n))
        .ok_or_else(|| Failure::invalid(format!("`{key}` is {min} to {max}")))
}

/// 0 is what a client reads while promotion is off, and may send back.
fn duration(key: &str, value: &Value) -> Result<Option<u64>, Failure> {
    if value.as_u64() == Some(0) {
        return Ok(None);
    }
    Ok(Some(u64::from(number(key, value, 60, 365 * 86_400)?)))
}

fn cluster_name(name: &str) -> Result<String, Failure> {
    if (1..=256).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Failure::invalid(
        "`cluster_name` has 1 to 256 bytes and no control characters",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(key: &str, value: &Value, expected: &str) {
        let mut settings = Settings::default();
        let truth = serde_json::to_value(wire(&settings)).unwrap();
        let got = set(&mut settings, key, value, &truth);
        let got = got.err().map(|f| format!("{f:?}")).unwrap_or_default();
        assert!(
            got.contains(expected) && got.is_empty() == expected.is_empty(),
            "{key}={value}: {got}"
        );
    }

    #[test]
    fn settings_are_taken_refused_or_unknown() {
        check("new_service_policy_mode", &json!("Protect"), "");
        check(
            "new_service_policy_mode",
            &json!("Panic"),
            "Discover, Monitor or Protect",
        );
        check("unused_group_aging", &json!(9999), "0 to 720");
        check("cluster_name", &json!("a\nb"), "no control characters");
        check("syslog_status", &json!(false), "");
        check("syslog_status", &json!(true), "does not have what it sets");
        check(
            "registry_http_proxy",
            &json!({"url": "", "username": null, "password": null}),
            "",
        );
        check(
            "registry_http_proxy",
            &json!({"url": "http://p"}),
            "does not have what it sets",
        );
        check(
            "net_service_policy_mode",
            &json!("Protect"),
            "net_service_status",
        );
        check("no_such_thing", &json!(1), "no setting is called");
    }
}
