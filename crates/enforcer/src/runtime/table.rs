//! Live processes and those that ended lately, from events and from /proc.
//!
//! Limits: [`TableLimits`] bounds the number of processes, of ended ones per label, and the bytes
//! of their command lines; past the byte limit command lines are cut to 128 bytes and marked.
//! A process that does not fit is counted and not kept. A pid is told from its earlier owner by
//! its start time.

use super::details::{Details, Origin};
use rampart_model::{Action, ProcessInfo, Timestamp};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const SHORT_CMDLINE: usize = 128;
const MAX_ANCESTORS: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TableLimits {
    pub(crate) processes: usize,
    pub(crate) ended_per_label: usize,
    pub(crate) cmdline_bytes: usize,
    pub(crate) one_cmdline: usize,
}

impl Default for TableLimits {
    fn default() -> Self {
        Self {
            processes: 131_072,
            ended_per_label: 256,
            cmdline_bytes: 16 << 20,
            one_cmdline: 4096,
        }
    }
}

/// What an exec set; shared by the children that were forked after it.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) name: String,
    /// As the kernel calls it: a script by its own name, not by its interpreter's.
    pub(crate) comm: String,
    pub(crate) path: String,
    pub(crate) cmdline: String,
    pub(crate) truncated: bool,
    pub(crate) cwd: String,
    pub(crate) origin: Origin,
    /// Effective capabilities at the exec.
    pub(crate) caps: Option<u64>,
    /// What rules asked of it.
    pub(crate) details: Option<Arc<Details>>,
    pub(crate) charge: Charge,
}

/// Bytes that count against the table's limit until the image goes.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    budget: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) start_ns: u64,
    pub(crate) label: u32,
    pub(crate) image: Arc<Image>,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) tty: bool,
    pub(crate) started_at: Timestamp,
    /// Put into the container by its runtime after the start, or a child of such a process.
    pub(crate) from_exec: bool,
    /// Got its ids from an allowed setuid file; it may change them.
    pub(crate) elevated: bool,
    /// Not in the profile.
    pub(crate) action: Action,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    limits: TableLimits,
    live: HashMap<u32, Process>,
    by_label: HashMap<u32, BTreeSet<u32>>,
    ended: HashMap<u32, VecDeque<Process>>,
    cmdline_bytes: Arc<AtomicUsize>,
    pub(crate) overflowed: u64,
}

impl Table {
    pub(crate) fn new(limits: TableLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn live(&self, pid: u32) -> Option<&Process> {
        self.live.get(&pid)
    }

    pub(crate) fn live_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.live.get_mut(&pid)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Cuts what an exec set to the limits, now that the rest of the table is known.
    pub(crate) fn image(&self, mut image: Image) -> Arc<Image> {
        let crowded = self.cmdline_bytes.load(Ordering::Relaxed) >= self.limits.cmdline_bytes;
        let limit = if crowded {
            SHORT_CMDLINE
        } else {
            self.limits.one_cmdline
        };
        for text in [
            &mut image.cmdline,
            &mut image.path,
            &mut image.cwd,
            &mut image.name,
        ] {
            image.truncated |= cut(text, limit);
        }
        if crowded && let Some(details) = image.details.as_deref() {
            let mut details = details.clone();
            details.environment = Vec::new();
            image.details = Some(Arc::new(details));
        }
        let bytes = weight(&image);
        self.cmdline_bytes.fetch_add(bytes, Ordering::Relaxed);
        image.charge = Charge {
            budget: self.cmdline_bytes.clone(),
            bytes,
        };
        Arc::new(image)
    }

    /// Adds or replaces.
    pub(crate) fn insert(&mut self, process: Process) {
        let known = self.live.contains_key(&process.pid);
        if !known && self.live.len() >= self.limits.processes {
            self.overflowed += 1;
            return;
        }
        if known {
            self.unlink(process.pid);
        }
        self.by_label
            .entry(process.label)
            .or_default()
            .insert(process.pid);
        self.live.insert(process.pid, process);
    }

    fn unlink(&mut self, pid: u32) -> Option<Process> {
        let process = self.live.remove(&pid)?;
        if let Some(pids) = self.by_label.get_mut(&process.label) {
            pids.remove(&pid);
            if pids.is_empty() {
                self.by_label.remove(&process.label);
            }
        }
        Some(process)
    }

    /// The child of a known process shows its parent's image until it execs.
    /// Events of two rings may overtake each other: a child that has exec'd already stays as it is.
    pub(crate) fn fork(
        &mut self,
        parent: u32,
        child: u32,
        start_ns: u64,
        label: u32,
        at: Timestamp,
    ) {
        if self
            .live
            .get(&child)
            .is_some_and(|p| same_start(p.start_ns, start_ns))
        {
            return;
        }
        let mut process = match self.live.get(&parent) {
            Some(parent) => parent.clone(),
            None => Process::default(),
        };
        process.from_exec &= process.label == label;
        process.pid = child;
        process.ppid = parent;
        process.start_ns = start_ns;
        process.label = label;
        process.started_at = at;
        self.insert(process);
    }

    /// Ends a process unless its pid belongs to a younger one by now.
    pub(crate) fn exit(&mut self, pid: u32, start_ns: u64) {
        if !self
            .live
            .get(&pid)
            .is_some_and(|p| same_start(p.start_ns, start_ns))
        {
            return;
        }
        let Some(mut process) = self.unlink(pid) else {
            return;
        };
        if process.label == 0 || self.limits.ended_per_label == 0 {
            return;
        }
        if process.image.cmdline.len() > SHORT_CMDLINE {
            process.image = Arc::new(shortened(&process.image));
        }
        let ended = self.ended.entry(process.label).or_default();
        ended.truncate(self.limits.ended_per_label - 1);
        ended.push_front(process);
    }

    /// Moves processes to another label: a container's that ran before it was known.
    pub(crate) fn relabel(&mut self, pids: &[u32], label: u32) {
        for pid in pids {
            if let Some(mut process) = self.unlink(*pid) {
                process.label = label;
                self.insert(process);
            }
        }
    }

    pub(crate) fn forget_label(&mut self, label: u32) {
        self.ended.remove(&label);
        for pid in self.by_label.remove(&label).unwrap_or_default() {
            self.unlink(pid);
        }
    }

    pub(crate) fn pids_of(&self, label: u32) -> impl Iterator<Item = u32> {
        self.by_label.get(&label).into_iter().flatten().copied()
    }

    pub(crate) fn is_empty_label(&self, label: u32) -> bool {
        !self.by_label.contains_key(&label)
    }

    pub(crate) fn of_label(&self, label: u32) -> Vec<Process> {
        let pids = self.by_label.get(&label).into_iter().flatten();
        pids.filter_map(|pid| self.live.get(pid)).cloned().collect()
    }

    /// Newest first.
    pub(crate) fn ended(&self, label: u32) -> Vec<Process> {
        self.ended
            .get(&label)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Live, or ended lately.
    pub(crate) fn recent(&self, label: u32, pid: u32) -> Option<&Process> {
        let live = self.live.get(&pid).filter(|p| p.label == label);
        live.or_else(|| self.ended.get(&label)?.iter().find(|p| p.pid == pid))
    }

    /// Parents, nearest first; stops at a loop, at a gap and at [`MAX_ANCESTORS`].
    pub(crate) fn ancestors(&self, pid: u32) -> Vec<&Process> {
        let mut out = Vec::new();
        let mut seen = HashSet::from([pid]);
        let mut next = self.live.get(&pid).map(|p| p.ppid);
        while let Some(process) = next.and_then(|pid| self.live.get(&pid)) {
            if out.len() == MAX_ANCESTORS || !seen.insert(process.pid) {
                break;
            }
            out.push(process);
            next = Some(process.ppid);
        }
        out
    }

    /// Removes what is gone without having told: events that were dropped.
    pub(crate) fn retain_live(&mut self, alive: impl Fn(u32, u64) -> bool) {
        let gone: Vec<_> = self
            .live
            .values()
            .filter(|p| !alive(p.pid, p.start_ns))
            .map(|p| (p.pid, p.start_ns))
            .collect();
        for (pid, start_ns) in gone {
            self.exit(pid, start_ns);
        }
    }
}

impl Process {
    pub(crate) fn info(&self, user: String) -> ProcessInfo {
        ProcessInfo {
            pid: self.pid,
            parent: self.ppid,
            name: self.image.name.clone(),
            path: self.image.path.clone(),
            cmdline: self.image.cmdline.clone(),
            cwd: self.image.cwd.clone(),
            user,
            uid: self.uid,
            euid: self.euid,
            tty: self.tty,
            status: String::new(),
            started_at: self.started_at,
            action: self.action,
            from_exec: self.from_exec,
        }
    }
}

/// /proc counts start times in ticks of 10 ms, events in nanoseconds; 0 is not known.
pub(crate) fn same_start(a: u64, b: u64) -> bool {
    a == 0 || b == 0 || a.abs_diff(b) < 20_000_000
}

fn weight(image: &Image) -> usize {
    let details = image.details.as_deref();
    let environment = details.map_or(0, |details| details.environment.len());
    image.cmdline.len() + image.path.len() + image.cwd.len() + environment
}

fn shortened(image: &Image) -> Image {
    let mut cmdline = image.cmdline.clone();
    let cut_now = cut(&mut cmdline, SHORT_CMDLINE);
    Image {
        name: image.name.clone(),
        comm: image.comm.clone(),
        path: image.path.clone(),
        cmdline,
        truncated: image.truncated || cut_now,
        cwd: image.cwd.clone(),
        origin: image.origin,
        caps: image.caps,
        ..Image::default()
    }
}

/// Cuts at a character's edge and gives the memory back.
pub(crate) fn cut(text: &mut String, limit: usize) -> bool {
    if text.len() <= limit {
        return false;
    }
    text.truncate(text.floor_char_boundary(limit));
    text.shrink_to_fit();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(cmdline: &str) -> Image {
        Image {
            name: "sh".to_owned(),
            path: "/bin/sh".to_owned(),
            cmdline: cmdline.to_owned(),
            ..Image::default()
        }
    }

    fn add(table: &mut Table, pid: u32, ppid: u32, label: u32, start_ns: u64, cmdline: &str) {
        let image = table.image(image(cmdline));
        table.insert(Process {
            pid,
            ppid,
            start_ns,
            label,
            image,
            ..Process::default()
        });
    }

    #[test]
    fn a_late_exit_does_not_end_the_pids_next_owner() {
        let mut table = Table::new(TableLimits::default());
        let (old, new) = (1_000_000_000, 9_000_000_000);
        add(&mut table, 10, 1, 5, old, "old");
        add(&mut table, 10, 1, 5, new, "new");
        table.exit(10, old);
        assert_eq!(table.live(10).unwrap().image.cmdline, "new");
        table.exit(10, new);
        assert!(table.live(10).is_none());
        assert_eq!(table.ended(5).len(), 1);
    }

    #[test]
    fn ten_thousand_processes_with_long_command_lines_stay_bounded() {
        let limits = TableLimits {
            cmdline_bytes: 1 << 20,
            ..TableLimits::default()
        };
        let mut table = Table::new(limits);
        let long = "x".repeat(1 << 20);
        add(&mut table, 1, 0, 5, 1, "init");
        for pid in 2..=10_000 {
            add(&mut table, pid, 1, 5, u64::from(pid), &long);
        }
        assert_eq!(table.of_label(5).len(), 10_000);
        let kept: usize = table.of_label(5).iter().map(|p| weight(&p.image)).sum();
        assert!(
            kept < (1 << 20) + 10_000 * 2 * SHORT_CMDLINE,
            "{kept} bytes"
        );
        assert!(table.live(10_000).unwrap().image.truncated);
        for pid in 1..=10_000 {
            table.exit(pid, u64::from(pid));
        }
        assert_eq!((table.len(), table.ended(5).len()), (0, 256));
        let ended: usize = table.ended(5).iter().map(|p| weight(&p.image)).sum();
        assert!(table.cmdline_bytes.load(Ordering::Relaxed) <= ended);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let limits = TableLimits {
            processes: 3,
            ..TableLimits::default()
        };
        let mut table = Table::new(limits);
        for pid in 1..=5 {
            add(&mut table, pid, 0, 1, 1, "x");
        }
        assert_eq!((table.len(), table.overflowed), (3, 2));
        add(&mut table, 3, 0, 1, 2, "y");
        assert_eq!(
            table.live(3).unwrap().image.cmdline,
            "y",
            "a known pid always fits"
        );
    }

    #[test]
    fn forked_children_share_the_image_and_know_their_line() {
        let mut table = Table::new(TableLimits::default());
        add(&mut table, 1, 0, 5, 1, "init");
        for pid in 2..=40 {
            table.fork(pid - 1, pid, u64::from(pid), 5, Timestamp::from_ms(1));
        }
        let line: Vec<u32> = table.ancestors(40).iter().map(|p| p.pid).collect();
        assert_eq!(line, (24..40).rev().collect::<Vec<_>>());
        assert!(Arc::ptr_eq(
            &table.live(1).unwrap().image,
            &table.live(40).unwrap().image
        ));
    }

    #[test]
    fn a_late_fork_does_not_undo_an_exec() {
        let mut table = Table::new(TableLimits::default());
        add(&mut table, 1, 0, 5, 1, "init");
        add(&mut table, 2, 1, 5, 70_000_000_000, "worker");
        table.fork(1, 2, 70_000_000_000, 0, Timestamp::from_ms(1));
        assert_eq!(table.live(2).unwrap().image.cmdline, "worker");
        table.fork(1, 2, 90_000_000_000, 5, Timestamp::from_ms(1));
        assert_eq!(
            table.live(2).unwrap().image.cmdline,
            "init",
            "the pid's next owner"
        );
    }

    #[test]
    fn a_loop_of_parents_ends() {
        let mut table = Table::new(TableLimits::default());
        add(&mut table, 1, 2, 5, 1, "a");
        add(&mut table, 2, 1, 5, 1, "b");
        assert_eq!(table.ancestors(1).len(), 1);
    }
}
