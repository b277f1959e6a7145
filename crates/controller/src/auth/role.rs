//! Permissions, the roles made of them, and what a caller may do.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! permissions {
    ($($variant:ident $id:literal $read:literal $write:literal $domain:literal $hidden:literal;)+) => {
        /// One thing that can be allowed to read or write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($variant),+ }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// NeuVector's name of it.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            pub fn can_read(self) -> bool {
                match self { $(Self::$variant => $read),+ }
            }

            pub fn can_write(self) -> bool {
                match self { $(Self::$variant => $write),+ }
            }

            /// It can be given for single domains.
            pub fn per_domain(self) -> bool {
                match self { $(Self::$variant => $domain),+ }
            }

            /// Part of the built-in roles only.
            pub fn hidden(self) -> bool {
                match self { $(Self::$variant => $hidden),+ }
            }
        }
    };
}

permissions! {
    //             id                read  write domain hidden
    Config         "config"          true  true  true  false;
    RtScan         "rt_scan"         true  true  true  false;
    RegScan        "reg_scan"        true  true  true  false;
    CiScan         "ci_scan"         false true  false false;
    RtPolicy       "rt_policy"       true  true  true  false;
    AdmCtrl        "admctrl"         true  true  false false;
    Compliance     "compliance"      true  true  true  false;
    AuditEvents    "audit_events"    true  false true  false;
    SecurityEvents "security_events" true  false true  false;
    Events         "events"          true  false true  false;
    Authentication "authentication"  true  true  false false;
    Authorization  "authorization"   true  true  true  false;
    Vulnerability  "vulnerability"   true  true  true  false;
    // Nodes, controllers and enforcers.
    NvResource     "nv_resource"     true  true  false true;
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    read: u32,
    write: u32,
}

impl Rights {
    fn bit(permission: Permission) -> u32 {
        1 << (permission as u32)
    }

    pub fn has(self, permission: Permission, write: bool) -> bool {
        let set = if write { self.write } else { self.read };
        set & Self::bit(permission) != 0
    }

    fn union(self, other: Self) -> Self {
        Self {
            read: self.read | other.read,
            write: self.write | other.write,
        }
    }

    fn of(read: impl Fn(Permission) -> bool, write: impl Fn(Permission) -> bool) -> Self {
        Permission::ALL
            .iter()
            .fold(Self::default(), |rights, permission| Self {
                read: rights.read
                    | if read(*permission) {
                        Self::bit(*permission)
                    } else {
                        0
                    },
                write: rights.write
                    | if write(*permission) {
                        Self::bit(*permission)
                    } else {
                        0
                    },
            })
    }

    /// Visible permissions with what is held of each.
    pub fn list(self) -> Vec<(Permission, bool, bool)> {
        Permission::ALL
            .iter()
            .filter(|p| !p.hidden())
            .map(|p| (*p, self.has(*p, false), self.has(*p, true)))
            .filter(|(_, read, write)| *read || *write)
            .collect()
    }
}

/// The built-in roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    None,
    Admin,
    Reader,
    CiOps,
}

impl Role {
    pub const ALL: &[Self] = &[Self::None, Self::Admin, Self::Reader, Self::CiOps];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Admin => "admin",
            Self::Reader => "reader",
            Self::CiOps => "ciops",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }

    pub fn comment(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Admin => "everything",
            Self::Reader => "everything, to read",
            Self::CiOps => "scans from a build pipeline",
        }
    }

    pub fn rights(self) -> Rights {
        match self {
            Self::None => Rights::default(),
            Self::Admin => Rights::of(Permission::can_read, Permission::can_write),
            Self::Reader => Rights::of(Permission::can_read, |_| false),
            Self::CiOps => Rights::of(|_| false, |p| p == Permission::CiScan),
        }
    }

    /// The same, of what can be held in a single domain.
    fn domain_rights(self) -> Rights {
        let rights = self.rights();
        Rights::of(
            |p| p.per_domain() && rights.has(p, false),
            |p| p.per_domain() && rights.has(p, true),
        )
    }
}

/// What a caller may do, everywhere and in single domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub role: Role,
    global: Rights,
    domains: BTreeMap<String, Rights>,
    /// Domain to roles, for the activity log.
    domain_roles: BTreeMap<String, Role>,
}

impl Access {
    pub fn new(role: Role, role_domains: &BTreeMap<String, Vec<String>>) -> Self {
        let mut access = Self {
            role,
            global: role.rights(),
            ..Self::default()
        };
        for (name, domains) in role_domains {
            let Some(role) = Role::parse(name) else {
                continue;
            };
            for domain in domains {
                let rights = access.domains.entry(domain.clone()).or_default();
                *rights = rights.union(role.domain_rights());
                access.domain_roles.insert(domain.clone(), role);
            }
        }
        access
    }

    /// Whether it may read or write things of `domain`; `None` is the cluster as a whole.
    pub fn can(&self, permission: Permission, write: bool, domain: Option<&str>) -> bool {
        let here = |domain: &str| {
            self.domains
                .get(domain)
                .is_some_and(|r| r.has(permission, write))
        };
        self.global.has(permission, write) || domain.is_some_and(here)
    }

    /// Whether it may at least in one domain.
    pub fn can_somewhere(&self, permission: Permission, write: bool) -> bool {
        self.can(permission, write, None) || self.domains.values().any(|r| r.has(permission, write))
    }

    /// The domains it may read of; `None` is all of them.
    pub fn readable(&self, permission: Permission) -> Option<Vec<String>> {
        if self.can(permission, false, None) {
            return None;
        }
        let may = |(domain, rights): (&String, &Rights)| {
            rights.has(permission, false).then(|| domain.clone())
        };
        Some(self.domains.iter().filter_map(may).collect())
    }

    pub fn global(&self) -> Rights {
        self.global
    }

    pub fn domains(&self) -> &BTreeMap<String, Rights> {
        &self.domains
    }

    /// `admin`, or `shop=reader` for a role in one domain.
    pub fn role_names(&self) -> Vec<String> {
        let global = (self.role != Role::None).then(|| self.role.name().to_owned());
        let domains = self
            .domain_roles
            .iter()
            .map(|(domain, role)| format!("{domain}={}", role.name()));
        global.into_iter().chain(domains).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_hold_what_they_say() {
        let admin = Access::new(Role::Admin, &BTreeMap::new());
        let reader = Access::new(Role::Reader, &BTreeMap::new());
        let none = Access::new(Role::None, &BTreeMap::new());
        for permission in Permission::ALL {
            assert_eq!(
                admin.can(*permission, true, None),
                permission.can_write(),
                "{permission:?}"
            );
            assert_eq!(
                reader.can(*permission, false, None),
                permission.can_read(),
                "{permission:?}"
            );
            assert!(
                !reader.can(*permission, true, None) && !none.can_somewhere(*permission, false)
            );
        }
    }

    #[test]
    fn a_domain_role_ends_at_its_domain() {
        let domains = BTreeMap::from([
            ("admin".to_owned(), vec!["shop".to_owned()]),
            ("reader".to_owned(), vec!["data".to_owned()]),
        ]);
        let access = Access::new(Role::None, &domains);
        for (write, domain, expected) in [
            (true, Some("shop"), true),
            (false, Some("data"), true),
            (true, Some("data"), false),
            (false, Some("kube-system"), false),
            (false, Some(""), false),
            (false, None, false),
        ] {
            assert_eq!(
                access.can(Permission::RtPolicy, write, domain),
                expected,
                "{write} {domain:?}"
            );
        }
        assert!(
            !access.can(Permission::NvResource, false, Some("shop")),
            "nodes belong to no domain"
        );
        assert_eq!(
            access.readable(Permission::Events),
            Some(vec!["data".to_owned(), "shop".to_owned()])
        );
        assert_eq!(access.role_names(), ["data=reader", "shop=admin"]);
    }
}
