//! A listener that is stopped or traced holds nothing for long, and its watchdog is not alone in
//! being watched.

use crate::rig::{Container, PATIENCE, Rig, able, has, text, until};
use rampart_model::{Mode, node::Counter};
use rampart_probe::{Attach, Config, Decision, KernelPolicy};
use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const MARK: &str = "arguments-of-the-watchdog";
const LABEL: u32 = 31;

/// Not a test of its own: the watchdog of the others runs here, in this program started again.
#[test]
fn process() {
    let arguments: Vec<OsString> = std::env::args_os()
        .skip_while(|word| word != MARK)
        .skip(1)
        .collect();
    if !arguments.is_empty() {
        rampart_probe::run_watchdog(&arguments).unwrap();
    }
}

fn watched(fail_closed: bool) -> Config {
    let words = [
        "/proc/self/exe",
        "--exact",
        "--nocapture",
        "watchdog::process",
        MARK,
    ];
    Config {
        watchdog: Some(words.map(OsString::from).to_vec()),
        judge_deadline: Duration::from_millis(400),
        fail_closed,
        ..Config::default()
    }
}

/// A container in which `evil` is denied, under the given configuration.
fn scene(name: &str, config: Config) -> (Rig, Container, Child) {
    let rig = Rig::judged(config, |ask| match ask.path.ends_with("evil") {
        true => Decision::Deny,
        false => Decision::Allow,
    });
    let container = Container::new(name, true, &["/bin/sleep", "1000"]);
    fs::copy("/bin/busybox", container.root().join("bin/evil")).unwrap();
    let child = container.start();
    let (pid, cgroup_id) = container.running();
    rig.control
        .attach_workload(&Attach {
            label: LABEL,
            cgroup_id,
            pid,
        })
        .unwrap();
    let policy = KernelPolicy {
        process_mode: Mode::Protect,
        judge_exec: true,
        ..KernelPolicy::default()
    };
    rig.control.set_policy(LABEL, &policy).unwrap();
    (rig, container, child)
}

/// Says `ready`, waits for the file `go` without running anything, then runs the line five times.
fn waiting(container: &Container, line: &str) -> Child {
    let script = format!(
        "echo > /tmp/ready; while [ ! -e /tmp/go ]; do :; done; \
         for i in 1 2 3 4 5; do {line}; done; echo > /tmp/done"
    );
    let child = container.spawn(&["/bin/sh", "-c", &script]);
    let ready = container.root().join("tmp/ready");
    until(|| ready.exists().then_some(())).expect("the script runs");
    child
}

fn counter(rig: &Rig, counter: Counter) -> u64 {
    rig.control.counters()[&counter]
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Every thread of this process is held by a tracer, as a debugger does, until `while_held` is
/// over; it runs in the tracer.
fn traced(while_held: impl FnOnce()) {
    let own = std::process::id();
    // SAFETY: the child uses no lock of another thread's and leaves by _exit.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let threads = || fs::read_dir(format!("/proc/{own}/task")).unwrap().flatten();
        for thread in threads() {
            let tid: i32 = thread.file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: plain system calls on a thread's number.
            unsafe {
                libc::ptrace(libc::PTRACE_ATTACH, tid, 0, 0);
                libc::waitpid(tid, std::ptr::null_mut(), libc::__WALL);
            }
        }
        while_held();
        // SAFETY: ends the tracer, which lets every thread go on.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: waits for the child just made.
    while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } != pid {}
}

fn go_and_wait(root: &Path) {
    fs::write(root.join("tmp/go"), "").unwrap();
    let until = Instant::now() + PATIENCE;
    while !root.join("tmp/done").exists() && Instant::now() < until {
        std::thread::yield_now();
    }
}

#[test]
fn a_traced_listener_is_stood_in_for_by_the_fail_mode() {
    if !able() || !has("runc") {
        return;
    }
    for (closed, name, want) in [
        (false, "traced-o", "ran\n"),
        (true, "traced-c", "refused\n"),
    ] {
        let (rig, container, child) = scene(name, watched(closed));
        assert!(
            !container.sh("/bin/evil true").status.success(),
            "denied while it works"
        );
        let script = waiting(&container, "/bin/true && echo ran || echo refused");
        let root = container.root();
        traced(|| go_and_wait(&root));
        let output = script.wait_with_output().unwrap();
        assert_eq!(
            text(&output.stdout),
            want.repeat(5),
            "{}",
            text(&output.stderr)
        );
        assert!(counter(&rig, Counter::ListenerStops) >= 1);
        assert!(counter(&rig, Counter::WatchdogAnswers) >= 5);
        let mode = if closed {
            Counter::FailedClosed
        } else {
            Counter::FailedOpen
        };
        assert!(counter(&rig, mode) >= 5, "{closed}");
        // Back at work, it judges again.
        let judged = || {
            let denied = !container.sh("/bin/evil true").status.success();
            let allowed = container.sh("/bin/true").status.success();
            (denied && allowed).then_some(())
        };
        until(judged).expect("the listener judges again");
        end(child);
    }
}

#[test]
fn a_stopped_listener_is_continued_and_judges_itself() {
    if !able() || !has("runc") {
        return;
    }
    let (rig, container, child) = scene("stopped", watched(false));
    let script = waiting(&container, "/bin/evil true && echo ran || echo refused");
    fs::write(container.root().join("tmp/go"), "").unwrap();
    // SAFETY: stops this process, all of it; the watchdog continues it.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
    let output = script.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stdout),
        "refused\n".repeat(5),
        "{}",
        text(&output.stderr)
    );
    assert!(counter(&rig, Counter::ListenerStops) >= 1);
    assert_eq!(counter(&rig, Counter::FailedOpen), 0);
    end(child);
}

/// Children of this process that are watchdogs.
fn watchdogs() -> Vec<u32> {
    let own = std::process::id();
    rampart_probe::procfs::children(own)
        .into_iter()
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/comm")).is_ok()
                && fs::read_to_string(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|c| c.contains(MARK))
        })
        .collect()
}

#[test]
fn a_killed_watchdog_is_replaced_and_ends_with_the_probe() {
    if !able() || !has("runc") {
        return;
    }
    let (mut rig, container, child) = scene("watchdog", watched(false));
    let first = until(|| watchdogs().first().copied()).expect("a watchdog");
    let killed = Command::new("kill")
        .args(["-9", &first.to_string()])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(killed.success());
    let next = until(|| watchdogs().into_iter().find(|pid| *pid != first));
    assert!(next.is_some(), "another watchdog");
    assert!(!container.sh("/bin/evil true").status.success());
    rig.stop();
    assert_eq!(watchdogs(), [] as [u32; 0]);
    end(child);
}
