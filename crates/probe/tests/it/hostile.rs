//! The corpus of bypass routes that is kept beside the project, where `scripts/vm.sh` found it:
//! tab-separated lines of name, class, description and shell line. Says so and passes where it is
//! absent; `guard.rs` has ways of our own.

use crate::{
    guard::{guard, is_hit, policy},
    rig::{Rig, guards},
    room::Room,
    route,
};
use rampart_probe::Config;
use std::{fs, path::Path};

const DIR: &str = "/hostile";

#[test]
fn every_route_of_the_corpus_is_held() {
    if !guards() {
        return;
    }
    let Ok(corpus) = fs::read_to_string(Path::new(DIR).join("hostile.tsv")) else {
        eprintln!("skipped: no corpus of bypass routes here");
        return;
    };
    let prepare = format!(
        "mkdir -p /opt/deny /opt/prot /optv; mount -t tmpfs v /optv; mkdir /optv/prot
        cp {DIR}/x {DIR}/xs {DIR}/x.so {DIR}/sc /opt/deny/; cp {DIR}/h2 /tmp/h2
        printf '#!/bin/sh\necho HIT\n' > /opt/deny/s.sh; chmod +x /opt/deny/*
        for d in /opt /optv; do echo original > $d/prot/f; echo SECRET > $d/prot/s; done
        {}",
        route::command("serve", "4999")
    );
    let policy = policy(guard(
        "/opt/deny",
        &["/opt/prot/f", "/optv/prot/f"],
        &["/opt/prot/s", "/optv/prot/s"],
    ));
    let only = std::env::var("RAMPART_HOSTILE").unwrap_or_default();
    let rig = Rig::guarded(Config::default());
    let (mut held, mut through) = (0, Vec::new());
    for (label, row) in (1000..).zip(corpus.lines()) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [id, class, _, line, ..] = fields[..] else {
            continue;
        };
        if !only.is_empty() && !only.split(',').any(|o| o == id) {
            continue;
        }
        let room = Room::new(&rig, label, &prepare).under(&rig, &policy);
        let check = if class == "write" {
            "; for d in /opt /optv; do [ \"$(cat $d/prot/f 2>&1)\" = original ] || echo HIT changed; done"
        } else {
            ""
        };
        let wait = if class == "net" { "; sleep 0.3" } else { "" };
        let out = room.run(&format!(
            "{{ {line} ; }} 2>/tmp/err{wait}{check}; cat /tmp/got 2>/dev/null; head -c 80 /tmp/err"
        ));
        rig.control.detach_workload(label);
        if is_hit(&out) {
            through.push(format!("{id} {class}: {line}: {out}"));
        } else {
            held += 1;
        }
        eprintln!("{id} {} {}", if is_hit(&out) { "THROUGH" } else { "held" }, out.trim());
    }
    eprintln!("corpus of bypass routes: {held} held, {} through", through.len());
    assert!(through.is_empty(), "{through:#?}");
}
