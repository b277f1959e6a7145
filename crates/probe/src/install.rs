//! A policy's entries in the kernel maps. They are written under a new set number, come into force
//! with one update of the label's policy, and the old set's are removed after that.

use crate::{
    Error, FileId, KernelPolicy,
    intf::{self, ExecKey, Pod, PolicyValue, PortKey, RuleKey, policy_flag, verdict},
    kernel::{self, Maps},
    netrule::{self, effective},
};
use libbpf_rs::{MapCore, MapHandle};
use rampart_model::Mode;

/// Executables one label may list.
const MAX_EXECS: usize = 65_536;

#[derive(Default)]
pub(crate) struct Installed {
    set: u32,
    ports: Vec<PortKey>,
    rules: Vec<RuleKey>,
    execs: Vec<ExecKey>,
}

impl Installed {
    /// Writes everything but the policy itself; on error nothing stays.
    pub(crate) fn put(maps: &Maps, set: u32, policy: &KernelPolicy) -> Result<Self, Error> {
        if policy.exec_allow.len() + policy.exec_deny.len() > MAX_EXECS {
            return Err(Error::TooLarge {
                what: "listed executables",
                limit: MAX_EXECS,
            });
        }
        let mut installed = Self {
            set,
            ..Self::default()
        };
        match installed.write(maps, policy) {
            Ok(()) => Ok(installed),
            Err(error) => {
                installed.remove(maps);
                Err(error)
            }
        }
    }

    fn write(&mut self, maps: &Maps, policy: &KernelPolicy) -> Result<(), Error> {
        let compiled = netrule::compile(self.set, policy.network_mode, &policy.verdicts)?;
        for (key, class) in &compiled.ports {
            maps.ports
                .update(
                    intf::bytes_of(key),
                    &class.to_ne_bytes(),
                    libbpf_rs::MapFlags::ANY,
                )
                .map_err(Error::kernel("a port range"))?;
            self.ports.push(*key);
        }
        for (key, rule) in &compiled.rules {
            kernel::put(&maps.rules, intf::bytes_of(key), rule)?;
            self.rules.push(*key);
        }
        // The deny list is written last, so that it wins.
        let allowed = policy.exec_allow.iter().map(|f| (f, verdict::ALLOW));
        let denied = policy.exec_deny.iter().map(|f| (f, verdict::DENY));
        for (file, verdict) in allowed.chain(denied) {
            let key = self.exec_key(file);
            maps.exec_verdicts
                .update(
                    intf::bytes_of(&key),
                    &u32::from(verdict).to_ne_bytes(),
                    libbpf_rs::MapFlags::ANY,
                )
                .map_err(Error::kernel("a listed executable"))?;
            self.execs.push(key);
        }
        Ok(())
    }

    fn exec_key(&self, file: &FileId) -> ExecKey {
        ExecKey {
            set: self.set,
            dev: intf::kernel_dev(file.dev),
            ino: file.ino,
        }
    }

    /// Brings it into force.
    pub(crate) fn swap(
        &self,
        maps: &Maps,
        label: u32,
        policy: &KernelPolicy,
        guard: (u32, u32),
        watch: u32,
    ) -> Result<(), Error> {
        let mut flags = 0;
        if policy.process_mode == Mode::Protect {
            flags |= if policy.drift_kill {
                policy_flag::DRIFT_KILL
            } else {
                0
            };
            flags |= if policy.exec_deny.is_empty() {
                0
            } else {
                policy_flag::DENY_LIST
            };
        }
        if policy.quarantined {
            flags |= policy_flag::QUARANTINE;
        }
        if policy.drift_code {
            flags |= policy_flag::DRIFT_CODE;
        }
        if policy.loopback {
            flags |= policy_flag::LOOPBACK;
        }
        let value = PolicyValue {
            flags,
            set: self.set,
            guard: guard.0,
            guard_set: guard.1,
            watch,
            default_verdict: effective(policy.default_verdict, policy.network_mode),
            pad: [0; 3],
        };
        kernel::put(&maps.policies, &label.to_ne_bytes(), &value)
    }

    pub(crate) fn remove(&self, maps: &Maps) {
        delete(&maps.ports, &self.ports);
        delete(&maps.rules, &self.rules);
        delete(&maps.exec_verdicts, &self.execs);
    }
}

fn delete<K: Pod>(map: &MapHandle, keys: &[K]) {
    for key in keys {
        // Prefixes of one set may coincide, so a key may be gone already.
        let _ = map.delete(intf::bytes_of(key));
    }
}
