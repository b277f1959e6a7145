//! The corpus of bypass routes that is kept beside the project, where `scripts/vm.sh` found it:
//! tab-separated lines of name, class, description and shell line. Says so and passes where it is
//! absent; `guard.rs` has ways of our own.

use crate::{
    guard::{guard, is_hit, policy, quoted},
    rig::{Rig, environment},
    room::Room,
    route,
};
use std::{fs, path::Path};

const DIR: &str = "/hostile";

pub(crate) fn every_route_of_the_corpus_is_held(rig: &Rig) {
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
    let only = environment("RAMPART_HOSTILE").unwrap_or_default();
    let mut rows = Vec::new();
    let mut script = String::new();
    for row in corpus.lines() {
        let fields: Vec<&str> = row.split('\t').collect();
        let [id, class, _, line, ..] = fields[..] else {
            continue;
        };
        if !only.is_empty() && !only.split(',').any(|o| o == id) {
            continue;
        }
        let check = match class {
            "write" => {
                "for d in /opt /optv; do [ \"$(cat $d/prot/f 2>&1)\" = original ] || echo HIT changed; done"
            }
            "net" => "sleep 0.3; [ ! -e /tmp/got ] || echo HIT",
            _ => "",
        };
        let step = format!(
            "cd /tmp; cp {DIR}/h2 .\n{{ {line} ; }} 2>/tmp/err\n{check}\nhead -c 80 /tmp/err; echo; rm -rf /tmp/* 2>/dev/null"
        );
        script.push_str(&format!(
            "echo '== {id}'\ntimeout 20 unshare -m /bin/bash -c {} </dev/null\n",
            quoted(&step)
        ));
        rows.push((id, class, line));
    }
    let out = Room::new(rig, 71, &prepare)
        .under(rig, &policy)
        .run_script(&script);
    let mut parts = out.split("== ").skip(1);
    let mut through = Vec::new();
    for (id, class, line) in &rows {
        let part = parts.next().unwrap_or("HIT: the room ended early");
        let hit = is_hit(part);
        eprintln!("{} {}", if hit { "THROUGH" } else { "held" }, part.trim());
        if hit {
            through.push(format!("{id} {class}: {line}: {part}"));
        }
    }
    eprintln!(
        "corpus of bypass routes: {} held, {} through",
        rows.len() - through.len(),
        through.len()
    );
    assert!(through.is_empty(), "{through:#?}");
}
