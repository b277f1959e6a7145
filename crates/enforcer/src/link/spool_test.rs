//! The spool under restarts, truncation, corruption, a full limit and a lost disk.

use super::*;
use rampart_model::{Timestamp, WorkloadId};

fn report(n: u64) -> Report {
    Report::Stopped {
        workload: WorkloadId::new(format!("w{n}")),
        at: Timestamp::from_ms(i64::try_from(n).unwrap()),
        exit_code: 0,
    }
}

fn number(report: &Report) -> u64 {
    match report {
        Report::Stopped { at, .. } => u64::try_from(at.ms()).unwrap(),
        other => panic!("unexpected {other:?}"),
    }
}

fn drain(spool: &Spool) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let batch = spool.peek();
        if batch.reports.is_empty() {
            return all;
        }
        all.extend(batch.reports.iter().map(number));
        spool.acknowledge(&batch);
    }
}

fn open(dir: &Path) -> Spool {
    Spool::open(dir, SpoolLimits::default()).unwrap()
}

fn only_segment(dir: &Path) -> PathBuf {
    segment_path(dir, *segment_names(dir).unwrap().last().unwrap())
}

#[test]
fn order_is_kept_over_restarts_and_acknowledged_ones_never_return() {
    let dir = tempfile::tempdir().unwrap();
    for start in [0u64, 1000, 2000] {
        let spool = open(dir.path());
        for n in start..start + 1000 {
            assert!(spool.append(&report(n), Priority::Record));
        }
        let batch = spool.peek();
        assert_eq!(batch.reports.len(), BATCH_ENTRIES);
        spool.acknowledge(&batch);
    }
    let spool = open(dir.path());
    assert_eq!(spool.waiting(), 3000 - 3 * BATCH_ENTRIES as u64);
    let left = drain(&spool);
    assert_eq!(left, (3 * BATCH_ENTRIES as u64..3000).collect::<Vec<_>>());
    assert_eq!(spool.waiting(), 0);
    drop(spool);
    assert_eq!(drain(&open(dir.path())), Vec::<u64>::new());
}

#[test]
fn an_unacknowledged_batch_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    spool.append(&report(1), Priority::Record);
    assert_eq!(spool.peek().reports.len(), 1);
    drop(spool);
    assert_eq!(drain(&open(dir.path())), [1]);
}

#[test]
fn a_torn_end_costs_the_torn_entry_only() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    (1..=3).for_each(|n| assert!(spool.append(&report(n), Priority::Record)));
    drop(spool);
    let path = only_segment(dir.path());
    let length = fs::metadata(&path).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length - 5)
        .unwrap();

    let spool = open(dir.path());
    assert_eq!(spool.take_lost().damaged, 1);
    assert!(spool.append(&report(4), Priority::Record));
    assert_eq!(drain(&spool), [1, 2, 4]);
}

#[test]
fn a_damaged_middle_is_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    (1..=3).for_each(|n| assert!(spool.append(&report(n), Priority::Record)));
    drop(spool);
    let path = only_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();

    let spool = open(dir.path());
    assert_eq!(drain(&spool), [1, 3]);
    assert_eq!(spool.take_lost().damaged, 1);
    assert_eq!(spool.waiting(), 0);
}

#[test]
fn foreign_and_wholly_damaged_files_do_not_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ack"), b"not an ack at all").unwrap();
    fs::write(segment_path(dir.path(), 7), vec![0xaa; 3 << 20]).unwrap();
    fs::write(dir.path().join("notes.txt"), b"hello").unwrap();
    let spool = open(dir.path());
    assert!(spool.append(&report(9), Priority::Record));
    assert_eq!(drain(&spool), [9]);
}

#[test]
fn at_the_limit_routine_goes_first_and_losses_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let limits = SpoolLimits {
        max_bytes: 8_000,
        memory_bytes: 1_000,
    };
    let spool = Spool::open(dir.path(), limits).unwrap();
    let routine = (0..1000)
        .filter(|&n| spool.append(&report(n), Priority::Routine))
        .count() as u64;
    let records = (0..1000)
        .filter(|&n| spool.append(&report(n), Priority::Record))
        .count() as u64;
    assert!(routine > 0 && records > 0 && routine > records);
    let lost = spool.take_lost();
    assert_eq!(
        (lost.routine, lost.records),
        (1000 - routine, 1000 - records)
    );
    assert!(
        spool.append(&report(1), Priority::Alarm),
        "the reserve is for telling it"
    );
    assert_eq!(drain(&spool).len() as u64, routine + records + 1);
}

#[test]
fn a_failing_disk_is_bridged_in_memory_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("spool");
    let limits = SpoolLimits {
        max_bytes: 1 << 20,
        memory_bytes: 2_000,
    };
    let spool = Spool::open(&folder, limits).unwrap();
    spool.append(&report(1), Priority::Record);
    // The next segment cannot be made while the folder is away.
    spool.lock().writer = None;
    fs::rename(&folder, dir.path().join("away")).unwrap();
    assert!(spool.append(&report(2), Priority::Record));
    assert!(spool.append(&report(3), Priority::Record));
    assert!(spool.take_lost().disk.is_some());
    fs::rename(dir.path().join("away"), &folder).unwrap();
    assert!(spool.append(&report(4), Priority::Record));
    assert_eq!(
        spool.lock().memory.len(),
        0,
        "written out once the disk works"
    );
    drop(spool);
    assert_eq!(drain(&open(&folder)), [1, 2, 3, 4]);
}

#[test]
fn memory_is_bounded_while_the_disk_is_away() {
    let limits = SpoolLimits {
        max_bytes: 1 << 20,
        memory_bytes: 2_000,
    };
    let spool = Spool::in_memory(limits);
    let taken = (0..1000)
        .filter(|&n| spool.append(&report(n), Priority::Record))
        .count() as u64;
    assert!(taken > 10 && taken < 100);
    assert_eq!(spool.take_lost().records, 1000 - taken);
    assert_eq!(drain(&spool), (0..taken).collect::<Vec<_>>());
}

#[test]
fn segments_rotate_and_are_removed_once_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let big = |n: u64| Report::Stopped {
        workload: WorkloadId::new("x".repeat(500_000)),
        at: Timestamp::from_ms(i64::try_from(n).unwrap()),
        exit_code: 0,
    };
    (0..40).for_each(|n| assert!(spool.append(&big(n), Priority::Record)));
    assert!(segment_names(dir.path()).unwrap().len() >= 3);
    assert_eq!(drain(&spool), (0..40).collect::<Vec<_>>());
    assert!(segment_names(dir.path()).unwrap().len() <= 1);
    assert!(spool.append(&report(41), Priority::Record));
    assert_eq!(drain(&spool), [41]);
}
