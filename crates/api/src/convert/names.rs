//! Names of modes, baselines, sources and criteria.

use super::Mistake;
use crate::rest::group;
use rampart_model::{Baseline, ConfigSource, Criterion, CriterionOp, Mode};

/// More criteria, or longer ones, than any group needs.
const MAX_CRITERIA: usize = 64;
const MAX_CRITERION_BYTES: usize = 1024;

pub fn mode_of(field: &'static str, name: &str) -> Result<Mode, Mistake> {
    Mode::parse(name).ok_or_else(|| Mistake::new(field, name, "Discover, Monitor or Protect"))
}

pub fn baseline(baseline: Baseline) -> String {
    baseline.name().to_owned()
}

/// `default` and `shield` are names older clients send.
pub fn baseline_of(field: &'static str, name: &str) -> Result<Baseline, Mistake> {
    match name.to_ascii_lowercase().as_str() {
        "basic" | "default" => Ok(Baseline::Basic),
        "zero-drift" | "shield" => Ok(Baseline::ZeroDrift),
        _ => Err(Mistake::new(field, name, "basic or zero-drift")),
    }
}

pub fn cfg_type(source: ConfigSource) -> String {
    match source {
        ConfigSource::System => "system_defined".to_owned(),
        other => other.name().to_owned(),
    }
}

pub fn criterion(criterion: &Criterion) -> group::Criterion {
    group::Criterion {
        key: criterion.key.clone(),
        value: criterion.value.clone(),
        op: criterion.op.name().to_owned(),
    }
}

pub fn criteria_of(wire: &[group::Criterion]) -> Result<Vec<Criterion>, Mistake> {
    if wire.len() > MAX_CRITERIA {
        return Err(Mistake::new(
            "criteria",
            &wire.len().to_string(),
            "64 at the most",
        ));
    }
    wire.iter().map(criterion_of).collect()
}

fn criterion_of(wire: &group::Criterion) -> Result<Criterion, Mistake> {
    if wire.key.is_empty() || wire.key.len() > MAX_CRITERION_BYTES {
        return Err(Mistake::new(
            "criteria.key",
            &wire.key,
            "a name of 1 to 1024 bytes",
        ));
    }
    if wire.value.len() > MAX_CRITERION_BYTES {
        return Err(Mistake::new(
            "criteria.value",
            &wire.value,
            "1024 bytes at the most",
        ));
    }
    let op = match wire.op.as_str() {
        "" => CriterionOp::Equal,
        name => CriterionOp::parse(name).ok_or_else(|| {
            Mistake::new(
                "criteria.op",
                name,
                "=, !=, contains, prefix, regex or !regex",
            )
        })?,
    };
    Ok(Criterion {
        key: wire.key.clone(),
        op,
        value: wire.value.clone(),
    })
}
