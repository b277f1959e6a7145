//! Reports on disk until the controller has acknowledged them, in order.
//!
//! Limits: at most `max_bytes` on disk; routine reports (conversations, learned facts) are refused
//! from three quarters on, records only at the end. What is refused or damaged is counted, kept
//! as [`Lost`] and told once there is room. When the disk fails, a bounded queue in memory takes
//! over and is written out when the disk works again. Written entries survive a killed process at
//! once and a power cut after [`Spool::sync`].

use super::segment::{self, LAST_SEQ, MAX_PAYLOAD};
use rampart_model::Report;
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

const SEGMENT_BYTES: u64 = 8 << 20;
const BATCH_ENTRIES: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
/// Room kept for telling that something was lost.
const ALARM_RESERVE: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot use the spool folder {path}; check that it exists and is writable")]
    Folder { path: PathBuf, source: io::Error },
}

#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    pub max_bytes: u64,
    /// Held in memory while the disk refuses.
    pub memory_bytes: usize,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            memory_bytes: 4 << 20,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Can be seen again: conversations, learned facts, inventory.
    Routine,
    /// Incidents, violations, events.
    Record,
    /// Tells of losses: uses the reserve.
    Alarm,
}

/// What did not survive, since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub records: u64,
    pub routine: u64,
    /// Damaged stretches found on disk; each held one entry or more.
    pub damaged: u64,
    /// The last failure of the disk.
    pub disk: Option<String>,
}

impl Lost {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The oldest reports that are not acknowledged.
#[derive(Debug, Default)]
pub struct Batch {
    pub reports: Vec<Report>,
    last_seq: u64,
    end: Position,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// First sequence number of the segment; names the file.
    segment: u64,
    offset: u64,
}

#[derive(Debug)]
struct Segment {
    first: u64,
    bytes: u64,
}

pub struct Spool {
    inner: Mutex<Inner>,
    arrived: Notify,
}

struct Inner {
    dir: Option<PathBuf>,
    limits: SpoolLimits,
    segments: VecDeque<Segment>,
    writer: Option<File>,
    dirty: bool,
    acks: Option<File>,
    next_seq: u64,
    acked: u64,
    read_at: Position,
    memory: VecDeque<(u64, Vec<u8>)>,
    memory_bytes: usize,
    lost: Lost,
}

impl Spool {
    /// Opens the folder, drops what was acknowledged and repairs a torn end.
    pub fn open(dir: &Path, limits: SpoolLimits) -> Result<Self, SpoolError> {
        let fail = |source| SpoolError::Folder {
            path: dir.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(fail)?;
        let mut inner = Inner::new(Some(dir.to_owned()), limits);
        inner.recover(dir).map_err(fail)?;
        Ok(Self {
            inner: Mutex::new(inner),
            arrived: Notify::new(),
        })
    }

    /// Keeps nothing over a restart: for when there is no folder to write to.
    pub fn in_memory(limits: SpoolLimits) -> Self {
        Self {
            inner: Mutex::new(Inner::new(None, limits)),
            arrived: Notify::new(),
        }
    }

    /// Whether it was taken; what was not is counted in [`Lost`].
    pub fn append(&self, report: &Report, priority: Priority) -> bool {
        let taken = match serde_json::to_vec(report) {
            Ok(payload) => self.lock().append(payload, priority),
            Err(_) => {
                self.lock().count_lost(priority);
                false
            }
        };
        if taken {
            self.arrived.notify_one();
        }
        taken
    }

    /// The next batch; empty if all is acknowledged.
    pub fn peek(&self) -> Batch {
        self.lock().peek()
    }

    /// Forgets a batch that was sent.
    pub fn acknowledge(&self, batch: &Batch) {
        self.lock().acknowledge(batch);
    }

    /// Resolves when something was appended since the last call.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Makes what was written durable. Blocks on the disk, without holding the spool.
    pub fn sync(&self) {
        let file = {
            let mut inner = self.lock();
            inner.flush_memory();
            if !std::mem::take(&mut inner.dirty) {
                return;
            }
            inner.writer.as_ref().and_then(|w| w.try_clone().ok())
        };
        if let Some(Err(error)) = file.map(|f| f.sync_data()) {
            let mut inner = self.lock();
            inner.dirty = true;
            inner.lost.disk = Some(error.to_string());
        }
    }

    /// Reports not yet acknowledged.
    pub fn waiting(&self) -> u64 {
        let inner = self.lock();
        inner.next_seq - 1 - inner.acked
    }

    pub fn take_lost(&self) -> Lost {
        std::mem::take(&mut self.lock().lost)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(dir: Option<PathBuf>, limits: SpoolLimits) -> Self {
        Self {
            dir,
            limits,
            segments: VecDeque::new(),
            writer: None,
            dirty: false,
            acks: None,
            next_seq: 1,
            acked: 0,
            read_at: Position::default(),
            memory: VecDeque::new(),
            memory_bytes: 0,
            lost: Lost::default(),
        }
    }

    fn recover(&mut self, dir: &Path) -> io::Result<()> {
        self.acked = read_ack(&dir.join("ack"))?;
        let mut last = self.acked;
        for first in segment_names(dir)? {
            let path = segment_path(dir, first);
            let mut newest = None;
            let mut at = 0;
            loop {
                let part = segment::read(&path, at, usize::MAX, BATCH_BYTES)?;
                newest = part.entries.last().map(|e| e.seq).or(newest);
                let stuck = part.end == at;
                at = part.end;
                if part.finished || stuck {
                    break;
                }
            }
            match newest {
                Some(newest) if newest > self.acked => {
                    last = last.max(newest);
                    let file = OpenOptions::new().write(true).open(&path)?;
                    if file.metadata()?.len() > at {
                        self.lost.damaged += 1;
                        file.set_len(at)?;
                    }
                    self.segments.push_back(Segment { first, bytes: at });
                }
                _ => fs::remove_file(&path)?,
            }
        }
        self.next_seq = last + 1;
        self.read_at = self.front();
        self.acks = Some(
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(dir.join("ack"))?,
        );
        Ok(())
    }

    fn front(&self) -> Position {
        Position {
            segment: self.segments.front().map_or(0, |s| s.first),
            offset: 0,
        }
    }

    fn append(&mut self, payload: Vec<u8>, priority: Priority) -> bool {
        let fits = payload.len() <= MAX_PAYLOAD && self.next_seq <= LAST_SEQ;
        if !fits || !self.has_room(payload.len(), priority) {
            self.count_lost(priority);
            return false;
        }
        let seq = self.next_seq;
        self.flush_memory();
        if self.memory.is_empty() && self.dir.is_some() {
            match self.write(seq, &payload) {
                Ok(()) => {
                    self.next_seq += 1;
                    return true;
                }
                Err(error) => self.lost.disk = Some(error.to_string()),
            }
        }
        if self.memory_bytes + payload.len() > self.limits.memory_bytes {
            self.count_lost(priority);
            return false;
        }
        self.memory_bytes += payload.len();
        self.memory.push_back((seq, payload));
        self.next_seq += 1;
        true
    }

    fn has_room(&self, bytes: usize, priority: Priority) -> bool {
        let used: u64 = self.segments.iter().map(|s| s.bytes).sum();
        let limit = match priority {
            Priority::Routine => self.limits.max_bytes / 4 * 3,
            Priority::Record => self.limits.max_bytes,
            Priority::Alarm => self.limits.max_bytes + ALARM_RESERVE,
        };
        used + bytes as u64 <= limit
    }

    fn count_lost(&mut self, priority: Priority) {
        match priority {
            Priority::Routine => self.lost.routine += 1,
            Priority::Record | Priority::Alarm => self.lost.records += 1,
        }
    }

    /// Writes to disk what an earlier failure left in memory.
    fn flush_memory(&mut self) {
        if self.dir.is_none() {
            return;
        }
        while let Some((seq, payload)) = self.memory.pop_front() {
            match self.write(seq, &payload) {
                Ok(()) => self.memory_bytes -= payload.len(),
                Err(error) => {
                    self.lost.disk = Some(error.to_string());
                    self.memory.push_front((seq, payload));
                    return;
                }
            }
        }
    }

    fn write(&mut self, seq: u64, payload: &[u8]) -> io::Result<()> {
        let full = self
            .segments
            .back()
            .is_none_or(|s| s.bytes >= SEGMENT_BYTES);
        if full || self.writer.is_none() {
            self.rotate(seq)?;
        }
        let (Some(writer), Some(segment)) = (&mut self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("no open segment"));
        };
        let mut frame = Vec::with_capacity(segment::HEADER + payload.len());
        segment::encode(seq, payload, &mut frame);
        if let Err(error) = writer.write_all(&frame) {
            // Half a frame would hide nothing, but would read as damage: take it back.
            writer.set_len(segment.bytes)?;
            return Err(error);
        }
        segment.bytes += frame.len() as u64;
        self.dirty = true;
        Ok(())
    }

    fn rotate(&mut self, first: u64) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        if let Some(writer) = self.writer.take() {
            writer.sync_data()?;
        }
        let path = segment_path(dir, first);
        let writer = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        writer.set_len(0)?;
        File::open(dir)?.sync_all()?;
        self.writer = Some(writer);
        if self.segments.is_empty() {
            self.read_at = Position {
                segment: first,
                offset: 0,
            };
        }
        self.segments.push_back(Segment { first, bytes: 0 });
        Ok(())
    }

    fn peek(&mut self) -> Batch {
        self.flush_memory();
        let mut batch = Batch {
            end: self.read_at,
            ..Batch::default()
        };
        while batch.reports.is_empty() {
            let Some((path, bytes)) = self.segment_at(batch.end.segment) else {
                break;
            };
            if batch.end.offset >= bytes {
                let Some(next) = self.segment_after(batch.end.segment) else {
                    break;
                };
                batch.end = Position {
                    segment: next,
                    offset: 0,
                };
                continue;
            }
            match segment::read(&path, batch.end.offset, BATCH_ENTRIES, BATCH_BYTES) {
                Ok(part) => self.take_stretch(part, bytes, &mut batch),
                Err(error) => {
                    self.lost.damaged += 1;
                    self.lost.disk = Some(error.to_string());
                    batch.end.offset = bytes;
                }
            }
        }
        if batch.reports.is_empty() {
            self.peek_memory(&mut batch);
        }
        if batch.reports.is_empty() && batch.last_seq > self.acked {
            // Only unreadable entries: there is nothing to send, and nothing to wait for.
            self.acknowledge(&batch);
        }
        batch
    }

    fn take_stretch(&mut self, part: segment::Stretch, bytes: u64, batch: &mut Batch) {
        self.lost.damaged += part.damaged;
        let stuck = part.end == batch.end.offset;
        batch.end.offset = if part.finished || stuck {
            part.end.max(bytes)
        } else {
            part.end
        };
        for entry in part.entries.into_iter().filter(|e| e.seq > self.acked) {
            batch.last_seq = entry.seq;
            match serde_json::from_slice(&entry.payload) {
                Ok(report) => batch.reports.push(report),
                Err(_) => self.lost.damaged += 1,
            }
        }
    }

    fn peek_memory(&self, batch: &mut Batch) {
        for (seq, payload) in self.memory.iter().take(BATCH_ENTRIES) {
            batch.last_seq = *seq;
            if let Ok(report) = serde_json::from_slice(payload) {
                batch.reports.push(report);
            }
        }
    }

    fn segment_at(&self, first: u64) -> Option<(PathBuf, u64)> {
        let dir = self.dir.as_ref()?;
        let segment = self.segments.iter().find(|s| s.first == first)?;
        Some((segment_path(dir, first), segment.bytes))
    }

    fn segment_after(&self, first: u64) -> Option<u64> {
        self.segments
            .iter()
            .find(|s| s.first > first)
            .map(|s| s.first)
    }

    fn acknowledge(&mut self, batch: &Batch) {
        self.acked = self.acked.max(batch.last_seq);
        self.read_at = batch.end;
        while self
            .memory
            .front()
            .is_some_and(|(seq, _)| *seq <= self.acked)
        {
            if let Some((_, payload)) = self.memory.pop_front() {
                self.memory_bytes -= payload.len();
            }
        }
        if let Some(file) = &self.acks
            && let Err(error) = write_ack(file, self.acked)
        {
            self.lost.disk = Some(error.to_string());
        }
        self.drop_read_segments();
    }

    fn drop_read_segments(&mut self) {
        let Some(dir) = self.dir.clone() else { return };
        while self
            .segments
            .front()
            .is_some_and(|s| s.first < self.read_at.segment)
        {
            if let Some(old) = self.segments.pop_front() {
                // A file that stays is removed at the next start: all of it is acknowledged.
                let _ = fs::remove_file(segment_path(&dir, old.first));
            }
        }
        let all_read = self.segments.len() == 1
            && self.segments.front().is_some_and(|s| {
                s.first == self.read_at.segment && s.bytes <= self.read_at.offset && s.bytes > 0
            });
        if all_read
            && self
                .segments
                .front()
                .is_some_and(|s| s.bytes >= SEGMENT_BYTES / 8)
        {
            self.writer = None;
            if let Some(old) = self.segments.pop_front() {
                let _ = fs::remove_file(segment_path(&dir, old.first));
            }
        }
    }
}

fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.seg"))
}

fn segment_names(dir: &Path) -> io::Result<Vec<u64>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let first: Option<u64> = name
            .to_str()
            .and_then(|n| n.strip_suffix(".seg"))
            .and_then(|n| n.parse().ok());
        names.extend(first);
    }
    names.sort_unstable();
    Ok(names)
}

/// Two slots written in turn, so that a torn write leaves the older one.
fn write_ack(file: &File, seq: u64) -> io::Result<()> {
    let mut slot = [0; 16];
    slot[..8].copy_from_slice(&seq.to_le_bytes());
    slot[8..12].copy_from_slice(&crc32fast::hash(&seq.to_le_bytes()).to_le_bytes());
    file.write_all_at(&slot, (seq % 2) * 16)
}

fn read_ack(path: &Path) -> io::Result<u64> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(32).read_to_end(&mut bytes)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let slots = bytes.chunks_exact(16).filter_map(|slot| {
        let seq: [u8; 8] = slot.get(..8)?.try_into().ok()?;
        let crc: [u8; 4] = slot.get(8..12)?.try_into().ok()?;
        (crc32fast::hash(&seq) == u32::from_le_bytes(crc)).then(|| u64::from_le_bytes(seq))
    });
    let slots = slots.filter(|seq| *seq <= LAST_SEQ);
    Ok(slots.max().unwrap_or(0))
}

#[cfg(test)]
#[path = "spool_test.rs"]
mod tests;
