//! What the node is said to be able to do agrees with what the kernel does.

use crate::rig::{Rig, able};
use rampart_model::{Mechanism, Tier};
use rampart_probe::{Config, detect};

#[test]
fn every_program_of_this_build_is_taken() {
    if !able() {
        return;
    }
    let found = detect();
    let lsm = found.tier == Tier::Lsm;
    assert_eq!(lsm, found.lsm, "{:?}", found.reasons);
    let deny = |other, strength| {
        if lsm {
            (Some(Mechanism::Lsm), "deny")
        } else {
            (other, strength)
        }
    };
    let strength = |name: &str| {
        let entry = found.capabilities.iter().find(|c| c.name == name);
        entry.map(|c| (c.mechanism, c.strength.as_str()))
    };
    for (name, want) in [
        ("exec", deny(Some(Mechanism::Fanotify), "deny")),
        ("file-open", deny(Some(Mechanism::Fanotify), "deny")),
        ("drift", deny(Some(Mechanism::KillAtExec), "kill")),
        ("connect", (Some(Mechanism::CgroupSock), "deny")),
        ("packet", (Some(Mechanism::CgroupSkb), "deny")),
        ("setuid", deny(None, "detect")),
    ] {
        assert_eq!(strength(name), Some(want), "{name}: {:?}", found.reasons);
    }
    // Nothing was left out: what may be missing is BPF-LSM, or hooks that this kernel is too old
    // for.
    let others: Vec<_> = found
        .reasons
        .iter()
        .filter(|r| !r.starts_with("BPF-LSM: ") && !r.ends_with("the kernel has no such hook"))
        .collect();
    assert_eq!(others, Vec::<&String>::new());
    drop(Rig::new(Config::default()));
}

/// Stock Debian kernels take LSM programs; a kernel locked down by its maker may not.
#[test]
fn lsm_is_told_as_it_is() {
    if !able() {
        return;
    }
    let found = detect();
    let entry = found.capabilities.iter().find(|c| c.name == "lsm").unwrap();
    assert_eq!(entry.mechanism, found.lsm.then_some(Mechanism::Lsm));
    let told = found.reasons.iter().any(|r| r.starts_with("BPF-LSM: "));
    assert_eq!(told, !found.lsm);
    // scripts/vm.sh boots kernels of which it knows the answer.
    if let Some(expected) = std::env::var_os("RAMPART_EXPECT_LSM") {
        assert_eq!(found.lsm, expected == "1", "{:?}", found.reasons);
    }
}
