//! The reference's attacks, event-generator acts and ordinary work, each in a container of its
//! own on this machine's file system, under `rampart up --rules builtin`.
//!
//! `RAMPART_CORPUS=all` runs every line instead of one in [`STRIDE`]; `RAMPART_CORPUS_ONLY=A01,E05`
//! runs these. What each line raised is printed. The corpus is read from the reference folder and
//! is no part of this project: without it these tests skip.

use crate::{
    attacks::switch,
    harness::{DEADLINE, Server, node_lock},
};
use rampart_testkit::{Rootfs, RuncContainer, require, wait_for};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

const STRIDE: usize = 7;
/// A line may wait for its own time limits.
const LINE: Duration = Duration::from_secs(40);
const RULE_MATCHED: &str = "Detection.Rule.Matched";
/// Levels at which somebody is woken.
const LOUD: [&str; 5] = ["Warning", "Error", "Critical", "Alert", "Emergency"];

struct Line {
    id: String,
    privileged: bool,
    command: String,
}

fn reference() -> Option<PathBuf> {
    let given = std::env::var_os("RAMPART_REFERENCE").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = given.unwrap_or_else(beside).join("data/runtime");
    if folder.join("harness").is_dir() {
        return Some(folder);
    }
    println!("skipped: no reference data at {}", folder.display());
    None
}

/// Lines of a corpus, as the environment chooses them.
fn lines(file: &Path) -> Vec<Line> {
    let text = fs::read_to_string(file).unwrap();
    let only = std::env::var("RAMPART_CORPUS_ONLY").ok();
    let all = std::env::var("RAMPART_CORPUS").is_ok_and(|value| value == "all");
    let chosen = |at: usize, id: &str| match &only {
        Some(ids) => ids.split(',').any(|wanted| wanted == id),
        None => all || at.is_multiple_of(STRIDE),
    };
    text.lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .enumerate()
        .filter(|(at, row)| row.len() >= 4 && chosen(*at, row[0]))
        .map(|(_, row)| Line {
            id: row[0].to_owned(),
            privileged: row[1] == "P",
            command: row[3].to_owned(),
        })
        .collect()
}

/// The corpus's own runner script and helper program, for containers to mount.
struct Ground {
    scratch: TempDir,
    helper: PathBuf,
    runner: PathBuf,
    root: Rootfs,
}

impl Ground {
    fn new(folder: &Path) -> Self {
        let scratch = tempfile::Builder::new().tempdir_in("/dev/shm").unwrap();
        let helper = scratch.path().join("h");
        let source = folder.join("harness/h.c");
        let built = Command::new("cc")
            .args(["-O1", "-w", "-pthread", "-o"])
            .args([&helper, &source])
            .status()
            .unwrap();
        assert!(built.success(), "the corpus's helper does not compile");
        Self {
            helper,
            runner: folder.join("harness/one.sh"),
            root: Rootfs::existing("/"),
            scratch,
        }
    }

    fn container(&self, line: &Line) -> RuncContainer {
        let id = rampart_testkit::unique_name(&format!("corpus-{}", line.id.to_lowercase()));
        let builder = RuncContainer::builder(&self.root)
            .id(id)
            .overlay()
            .scratch(self.scratch.path())
            .tmpfs("/tmp")
            .mount(&self.runner, "/one.sh", true)
            .capability("CAP_NET_ADMIN")
            .label("com.docker.compose.service", "web")
            .label("com.docker.compose.project", "shop")
            .env(&format!("CMD={}", line.command))
            .args(["/bin/bash", "/one.sh"]);
        // Its copy is a program file that the container makes: only where the line asks for it.
        let builder = match line.command.contains("./h ") {
            true => builder.mount(&self.helper, "/h", true),
            false => builder,
        };
        match line.privileged {
            true => builder.privileged(),
            false => builder,
        }
        .create()
        .unwrap()
    }
}

/// By container: names and levels of what was told of it, and what was refused.
type Told = BTreeMap<String, BTreeSet<(String, String)>>;
/// The mark of a record whose act was stopped.
const STOPPED: &str = "stopped: ";

fn told(server: &Server) -> Told {
    let mut told = Told::new();
    for start in (0..).step_by(500) {
        let page = server.get(&format!("/v1/log/incident?start={start}&limit=500"));
        let rows = page["incidents"].as_array().cloned().unwrap_or_default();
        for row in &rows {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let name = match text("name") {
                name if name == RULE_MATCHED => format!("rule: {}", rule_of(row)),
                name => name,
            };
            let of = told.entry(text("workload_id")).or_default();
            if text("action") == "deny" {
                let what = format!("{STOPPED}{} {}", name, text("proc_path"));
                of.insert((what, text("level")));
            }
            of.insert((name, text("level")));
        }
        if rows.len() < 500 {
            break;
        }
    }
    told
}

fn rule_of(row: &Value) -> String {
    let message = row["message"].as_str().unwrap_or_default();
    message.split(':').next().unwrap_or_default().to_owned()
}

/// Runs a line that is always told, and answers with all that is told once it is.
fn sentinel(server: &Server, ground: &Ground) -> Option<Told> {
    let container = ground.container(&Line {
        id: "last".to_owned(),
        privileged: false,
        command: "cp /bin/true /usr/bin/rampart-sentinel; /usr/bin/rampart-sentinel".to_owned(),
    });
    container.start().unwrap();
    assert!(container.wait_stopped(LINE));
    wait_for(DEADLINE, || {
        let all = told(server);
        all.contains_key(container.id()).then_some(all)
    })
}

/// Starts the product and waits until its rules are in force.
fn watched(data: &TempDir, ground: &Ground) -> Server {
    let server = Server::start(data.path(), &["--rules", "builtin"]);
    let up = wait_for(DEADLINE, || {
        let nodes = server.get("/v1/enforcer");
        nodes["enforcers"].as_array().filter(|n| !n.is_empty())?;
        Some(())
    });
    assert!(up.is_some(), "no enforcer");
    let told = (0..5).any(|_| sentinel(&server, ground).is_some());
    assert!(told, "the rules are not in force");
    server
}

/// Runs each line to its end; the containers' ids by line.
fn run(server: &Server, ground: &Ground, lines: &[Line]) -> Vec<(String, Told)> {
    let mut ids = Vec::new();
    for line in lines {
        let container = ground.container(line);
        container.start().unwrap();
        if !container.wait_stopped(LINE) {
            println!("{}: did not end in time", line.id);
        }
        let said = container.log();
        let last: Vec<&str> = said.lines().rev().take(2).collect();
        ids.push((container.id().to_owned(), last.join(" | ")));
        drop(container);
    }
    // What is told of a last line comes after all before it.
    let all = sentinel(server, ground).expect("the last line is told");
    ids.into_iter()
        .map(|(id, said)| {
            let own = all.get(&id).cloned().unwrap_or_default();
            (said, Told::from([(id, own)]))
        })
        .collect()
}

fn ready(test: &str) -> Option<PathBuf> {
    let folder = reference()?;
    require(test, &["runc", "cc", "bash", "python3", "ip"]).then_some(folder)
}

fn names(told: &Told) -> BTreeSet<(String, String)> {
    told.values().flatten().cloned().collect()
}

/// Lines of the file that nothing was told of, after printing what was told of each.
fn silent(server: &Server, ground: &Ground, lines: &[Line]) -> Vec<String> {
    let mut silent = Vec::new();
    for (line, (said, told)) in lines.iter().zip(run(server, ground, lines)) {
        let names = names(&told);
        let rules: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        println!("{}\t{}\t[{said}]", line.id, rules.join("; "));
        if rules.is_empty() {
            silent.push(line.id.clone());
        }
    }
    println!("{} lines, {} silent", lines.len(), silent.len());
    silent
}

/// Lines that a node cannot tell, each with the reason.
const NOT_TOLD: &[(&str, &str)] = &[("E53", "runs crontab, which this machine may not have")];

#[test]
fn attacks_are_told() {
    let Some(folder) = ready("corpus::attacks_are_told") else {
        return;
    };
    let _one = node_lock();
    let data = tempfile::tempdir().unwrap();
    let ground = Ground::new(&folder);
    let server = watched(&data, &ground);
    let mut missed = silent(&server, &ground, &lines(&folder.join("attacks.tsv")));
    missed.extend(silent(&server, &ground, &lines(&folder.join("eg.tsv"))));
    missed.retain(|id| !NOT_TOLD.iter().any(|(known, _)| known == id));
    assert!(missed.is_empty(), "nothing was told of {missed:?}");
}

#[test]
fn ordinary_work_is_quiet() {
    let Some(folder) = ready("corpus::ordinary_work_is_quiet") else {
        return;
    };
    let _one = node_lock();
    let data = tempfile::tempdir().unwrap();
    let ground = Ground::new(&folder);
    let server = watched(&data, &ground);
    let lines = lines(&folder.join("benign.tsv"));
    let mut loud = Vec::new();
    for (line, (said, told)) in lines.iter().zip(run(&server, &ground, &lines)) {
        let names = names(&told);
        println!("{}\t{names:?}\t[{said}]", line.id);
        let heard = names
            .into_iter()
            .filter(|(name, level)| name.starts_with("rule: ") && LOUD.contains(&level.as_str()));
        loud.extend(heard.map(|(name, level)| format!("{}: {name} ({level})", line.id)));
    }
    println!("{} lines, {} alerts", lines.len(), loud.len());
    assert!(loud.is_empty(), "{loud:#?}");
}

/// What was learned once goes on working in Protect, and attacks of the same containers are
/// stopped: the table tells which.
#[test]
fn learned_work_goes_on_in_protect() {
    let Some(folder) = ready("corpus::learned_work_goes_on_in_protect") else {
        return;
    };
    let _one = node_lock();
    let data = tempfile::tempdir().unwrap();
    let ground = Ground::new(&folder);
    let server = watched(&data, &ground);
    let work = lines(&folder.join("benign.tsv"));
    run(&server, &ground, &work);
    switch(&server, "Protect");
    let rounds = std::env::var("RAMPART_CORPUS_ROUNDS").ok();
    let rounds: usize = rounds.and_then(|text| text.parse().ok()).unwrap_or(1);
    let stopped = |lines: &[Line]| {
        let mut stopped = Vec::new();
        for (line, (said, told)) in lines.iter().zip(run(&server, &ground, lines)) {
            let names = names(&told);
            let acts: Vec<&str> = names
                .iter()
                .filter_map(|(name, _)| name.strip_prefix(STOPPED))
                .collect();
            println!("{}\t{acts:?}\t[{said}]", line.id);
            if !acts.is_empty() {
                stopped.push(format!("{}: {}", line.id, acts.join("; ")));
            }
        }
        stopped
    };
    let refused: Vec<String> = (0..rounds).flat_map(|_| stopped(&work)).collect();
    println!(
        "{rounds} rounds of {} lines, {} refused",
        work.len(),
        refused.len()
    );
    let attacks = lines(&folder.join("attacks.tsv"));
    let held = stopped(&attacks);
    println!("{} attacks, {} stopped", attacks.len(), held.len());
    assert!(refused.is_empty(), "{refused:#?}");
}
