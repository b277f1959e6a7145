//! Modes, baselines, actions and verdicts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a group does with behaviour its policy does not allow.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Learn it.
    #[default]
    Discover,
    /// Report it.
    Monitor,
    /// Block it.
    Protect,
}

/// What a process profile takes as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// The allow list alone decides.
    #[default]
    Basic,
    /// Only what the image shipped, started by the container's own process family.
    ZeroDrift,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    #[default]
    Allow,
    Deny,
}

/// What was done about one act.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Permitted by a rule.
    #[default]
    Allow,
    /// Not in the profile; Discover adds it.
    Learn,
    /// Not permitted; Monitor reports it and lets it pass.
    Violate,
    /// Not permitted; stopped.
    Deny,
}

/// Who wrote a piece of configuration; higher ranks are matched first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigSource {
    Learned,
    #[default]
    User,
    /// A Kubernetes custom resource; read-only in the API. NeuVector's wire name is `ground`.
    Crd,
    Federal,
    /// Shipped with Rampart.
    System,
}

impl ConfigSource {
    /// 0 is matched first.
    pub fn rank(self) -> u8 {
        match self {
            Self::Federal => 0,
            Self::Crd => 1,
            Self::User => 2,
            Self::System => 3,
            Self::Learned => 4,
        }
    }
}

macro_rules! names {
    ($ty:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $ty {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the API and in events.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value of a name, in any case.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name().eq_ignore_ascii_case(name))
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use names;

names!(Mode { Discover = "Discover", Monitor = "Monitor", Protect = "Protect" });
names!(Baseline { Basic = "basic", ZeroDrift = "zero-drift" });
names!(Action { Allow = "allow", Deny = "deny" });
names!(Verdict { Allow = "allow", Learn = "learn", Violate = "violate", Deny = "deny" });
names!(ConfigSource {
    Learned = "learned",
    User = "user_created",
    Crd = "ground",
    Federal = "federal",
    System = "system",
});
