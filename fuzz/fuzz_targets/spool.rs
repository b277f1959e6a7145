//! The enforcer's spool: a segment and an acknowledgement file with any content, opened, read to
//! the end and appended to.
//!
//! Half of the inputs are taken as they are. The other half become entries with a right checksum
//! and hostile numbers and payloads between stretches of noise, which raw bytes would never be.
//! Holds: no panic, reading ends, and what is appended after damage is read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_enforcer::link::{Priority, Spool, SpoolLimits};
use rampart_model::{Report, Timestamp};
use std::{fs, path::PathBuf};

const MARK: [u8; 4] = [0xf7, b'R', b'M', 0x01];
const MAX_BATCHES: usize = 10_000;

thread_local! {
    static DIR: tempfile::TempDir = {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
    };
}

fn entry(seq: u64, payload: &[u8], out: &mut Vec<u8>) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(&(payload.len() as u64).to_le_bytes());
    crc.update(payload);
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(payload);
}

/// Pieces of the form tag, length, bytes; an even tag is an entry whose number comes first.
fn sealed(mut data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [tag, length, rest @ ..] = data {
        let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        match piece.split_first_chunk::<8>() {
            Some((seq, payload)) if tag % 2 == 0 => {
                entry(u64::from_le_bytes(*seq), payload, &mut out)
            }
            _ => out.extend_from_slice(piece),
        }
        data = rest;
    }
    out
}

fn drain(spool: &Spool) -> usize {
    let mut read = 0;
    for _ in 0..MAX_BATCHES {
        let batch = spool.peek();
        if batch.reports.is_empty() {
            return read;
        }
        read += batch.reports.len();
        spool.acknowledge(&batch);
    }
    panic!("the spool never ends");
}

fuzz_target!(|data: &[u8]| {
    let [first, rest @ ..] = data else { return };
    DIR.with(|dir| {
        let path = dir.path().join("spool");
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let (ack, segment) = if first & 2 != 0 {
            rest.split_at(rest.len().min(32))
        } else {
            (&[][..], rest)
        };
        let segment = if first & 1 == 0 {
            segment.to_vec()
        } else {
            sealed(segment)
        };
        fs::write(path.join("00000000000000000001.seg"), &segment).unwrap();
        if !ack.is_empty() {
            fs::write(path.join("ack"), ack).unwrap();
        }
        let spool = Spool::open(&path, SpoolLimits::default()).unwrap();
        drain(&spool);
        let stopped = Report::Stopped {
            workload: "w".into(),
            at: Timestamp(1),
            exit_code: 0,
        };
        let taken = spool.append(&stopped, Priority::Record);
        assert!(
            taken || spool.take_lost().records == 1,
            "what is refused is counted"
        );
        drop(spool);
        let again = Spool::open(&path, SpoolLimits::default()).unwrap();
        assert_eq!(
            drain(&again),
            usize::from(taken),
            "what was appended must come back, alone"
        );
    });
});
