//! Node.js: installed `package.json` files, and the lock files of npm, Yarn, pnpm and Bun.
//!
//! Lock files: `package-lock.json` and `npm-shrinkwrap.json` (1 to 3), `.package-lock.json`,
//! `yarn.lock` (1 and Berry), `pnpm-lock.yaml` (5 to 9), `bun.lock`. An alias (`npm:`) is listed
//! under the true name; workspaces and links are the project's own and told as left out. Limits:
//! lock files of 64 MiB, `package.json` of 4 MiB.

mod bun;
mod installed;
mod npm;
mod pnpm;
mod yarn;

use super::{
    Scope,
    manifest::{LOCK_BYTES, Manifest},
};

pub static PACKAGE_JSON: Manifest = Manifest {
    name: "node-package",
    scope: Scope::Installed,
    limit: 4 << 20,
    wants: |file| file.file_name() == "package.json" && !installed::is_fixture(&file.path),
    read: installed::read,
};

pub static NPM_LOCK: Manifest = Manifest {
    name: "npm-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| {
        matches!(
            file.file_name(),
            "package-lock.json" | "npm-shrinkwrap.json" | ".package-lock.json"
        )
    },
    read: npm::read,
};

pub static YARN_LOCK: Manifest = Manifest {
    name: "yarn-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "yarn.lock",
    read: yarn::read,
};

pub static PNPM_LOCK: Manifest = Manifest {
    name: "pnpm-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "pnpm-lock.yaml",
    read: pnpm::read,
};

pub static BUN_LOCK: Manifest = Manifest {
    name: "bun-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "bun.lock",
    read: bun::read,
};

/// Splits `name@rest`, where the name may begin with `@scope/`.
fn split_at_sign(text: &str) -> Option<(&str, &str)> {
    let skip = usize::from(text.starts_with('@'));
    let at = text.get(skip..)?.find('@')? + skip;
    Some((&text[..at], &text[at + 1..]))
}

/// A published version begins with a digit: no address, no path, no protocol.
fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix('v').unwrap_or(text);
    rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.contains([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        assert_eq!(split_at_sign("@a/b@npm:^1"), Some(("@a/b", "npm:^1")));
        assert_eq!(split_at_sign("b@1"), Some(("b", "1")));
        assert_eq!(split_at_sign("@a/b"), None);
        assert_eq!(split_at_sign(""), None);
        assert!(is_version("1.2.3-rc.1+b") && is_version("v1.0.0"));
        assert!(!is_version("file:x") && !is_version("1.0/x") && !is_version("vx"));
    }
}
