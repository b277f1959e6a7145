//! Python: what pip, setuptools and conda installed, and what projects lock or require.
//!
//! Installed: `*.dist-info/METADATA`, `*.egg-info` (file or directory with `PKG-INFO`), `.egg`
//! archives, `conda-meta/*.json`. Projects: `requirements*.txt`, `Pipfile.lock`, `poetry.lock`
//! (1 and 2), `uv.lock`, `pdm.lock`, `pylock.toml`, `environment.yml`. Limits: headers of
//! [`metadata::HEADER_BYTES`], archives of [`metadata::EGG_BYTES`], lock files of 64 MiB.

mod conda;
mod lock;
mod metadata;
mod requirements;

use super::{
    FileMeta, Scope,
    manifest::{INSTALLED_BYTES, LOCK_BYTES, Manifest},
};

pub use metadata::Metadata;

/// Metadata of installed distributions.
pub static METADATA: Metadata = Metadata;

/// Zipped eggs.
pub static EGG: Manifest = Manifest {
    name: "python-egg",
    scope: Scope::Installed,
    limit: metadata::EGG_BYTES,
    wants: |file| file.path.ends_with(".egg"),
    read: metadata::egg,
};

pub static REQUIREMENTS: Manifest = Manifest {
    name: "pip-requirements",
    scope: Scope::Project,
    limit: 4 << 20,
    wants: |file| requirements::is_requirements(&file.path),
    read: requirements::read,
};

pub static PIPFILE_LOCK: Manifest = Manifest {
    name: "pipenv",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "Pipfile.lock",
    read: lock::pipfile,
};

pub static POETRY_LOCK: Manifest = Manifest {
    name: "poetry",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "poetry.lock",
    read: lock::poetry,
};

pub static UV_LOCK: Manifest = Manifest {
    name: "uv",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "uv.lock",
    read: lock::uv,
};

pub static PDM_LOCK: Manifest = Manifest {
    name: "pdm",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "pdm.lock",
    read: lock::pdm,
};

pub static PYLOCK: Manifest = Manifest {
    name: "pylock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: is_pylock,
    read: lock::pylock,
};

pub static CONDA_META: Manifest = Manifest {
    name: "conda-meta",
    scope: Scope::Installed,
    limit: 4 * INSTALLED_BYTES,
    wants: |file| file.path.contains("conda-meta/") && file.path.ends_with(".json"),
    read: conda::meta,
};

pub static CONDA_ENVIRONMENT: Manifest = Manifest {
    name: "conda-environment",
    scope: Scope::Project,
    limit: 4 << 20,
    wants: |file| matches!(file.file_name(), "environment.yml" | "environment.yaml"),
    read: conda::environment,
};

fn is_pylock(file: &FileMeta) -> bool {
    file.file_name() == "pylock.toml"
        || (file.file_name().starts_with("pylock.") && file.file_name().ends_with(".toml"))
}

/// As the index compares names: lower case, runs of `-`, `_` and `.` as one `-`.
fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(c.to_ascii_lowercase());
        }
    }
    out
}
