//! The controller is killed before and after each of its writes, and the scanner at each of its
//! steps; in the end every image has one result, one report and one record, and nothing waits.

use crate::{
    scanner::{self, info, outcome},
    world::{MINUTE, TestClock, World},
};
use async_trait::async_trait;
use rampart_controller::AppError;
use rampart_model::{LogKind, LogLevel, LogRecord, Timestamp};
use rampart_store::{
    Artifacts, BoxStream, Change, Entry, EventLog, Listing, LogPage, LogQuery, Retention, Revision,
    Store, StoreError, Txn, artifact, memory::Memory,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

/// Kills the process, so to speak, at one write of those behind it.
struct Fuse {
    left: AtomicI64,
    /// The write is made, but nobody hears of it.
    after: bool,
    blown: AtomicBool,
}

impl Fuse {
    fn dead() -> StoreError {
        StoreError::Unavailable { what: "killed" }
    }

    /// Whether this write is made, and whether its answer arrives.
    fn write(&self) -> (bool, bool) {
        if self.blown.load(Ordering::SeqCst) {
            return (false, false);
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.blown.store(true, Ordering::SeqCst);
            return (self.after, false);
        }
        (true, true)
    }

    fn read(&self) -> Result<(), StoreError> {
        if self.blown.load(Ordering::SeqCst) {
            Err(Self::dead())
        } else {
            Ok(())
        }
    }
}

struct Dying {
    fuse: Arc<Fuse>,
    memory: Arc<Memory>,
    artifacts: Arc<artifact::Memory>,
}

#[async_trait]
impl Store for Dying {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.fuse.read()?;
        Store::get(&*self.memory, key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.fuse.read()?;
        self.memory.list(prefix).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let (made, heard) = self.fuse.write();
        let result = if made {
            self.memory.commit(txn).await
        } else {
            Err(Fuse::dead())
        };
        if heard { result } else { Err(Fuse::dead()) }
    }

    async fn wipe(&self) -> Result<(), StoreError> {
        self.memory.wipe().await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError> {
        self.memory.watch(prefix, after).await
    }
}

#[async_trait]
impl EventLog for Dying {
    async fn append(&self, records: Vec<LogRecord>) -> Result<usize, StoreError> {
        let (made, heard) = self.fuse.write();
        let result = if made {
            self.memory.append(records).await
        } else {
            Err(Fuse::dead())
        };
        if heard { result } else { Err(Fuse::dead()) }
    }

    async fn query(&self, query: &LogQuery) -> Result<LogPage, StoreError> {
        self.memory.query(query).await
    }

    async fn get(&self, uid: &str) -> Result<Option<LogRecord>, StoreError> {
        EventLog::get(&*self.memory, uid).await
    }

    async fn histogram(
        &self,
        query: &LogQuery,
        bucket_ms: i64,
    ) -> Result<Vec<(Timestamp, LogKind, LogLevel, u64)>, StoreError> {
        self.memory.histogram(query, bucket_ms).await
    }

    async fn retain(&self, keep: &Retention) -> Result<u64, StoreError> {
        self.memory.retain(keep).await
    }
}

#[async_trait]
impl Artifacts for Dying {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (made, heard) = self.fuse.write();
        if made {
            self.artifacts.put(name, bytes).await?;
        }
        if heard { Ok(()) } else { Err(Fuse::dead()) }
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.fuse.read()?;
        self.artifacts.get(name).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.fuse.read()?;
        self.artifacts.delete(name).await
    }

    async fn names(&self) -> Result<Vec<String>, StoreError> {
        self.artifacts.names().await
    }
}

/// What a scanner does when it does not hear whether its report arrived, or dies itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// Sends the report again until it is acknowledged or refused.
    Repeats,
    /// Forgets the work; the lease runs out.
    Forgets,
}

struct Trial {
    memory: Arc<Memory>,
    artifacts: Arc<artifact::Memory>,
    clock: Arc<TestClock>,
    /// Steps of the scanner until it is killed: taking, working, hearing the answer.
    scanner_left: i64,
    restarts: usize,
}

impl Trial {
    fn new() -> Self {
        Self {
            memory: Arc::default(),
            artifacts: Arc::default(),
            clock: Arc::default(),
            scanner_left: i64::MAX,
            restarts: 0,
        }
    }

    /// A controller that dies at its nth write; `None` lives.
    async fn start(&self, dies: Option<(i64, bool)>) -> Option<(World, Arc<Fuse>)> {
        let (left, after) = dies.unwrap_or((i64::MAX, false));
        let fuse = Arc::new(Fuse {
            left: AtomicI64::new(left),
            after,
            blown: AtomicBool::new(false),
        });
        let dying = || {
            Arc::new(Dying {
                fuse: fuse.clone(),
                memory: self.memory.clone(),
                artifacts: self.artifacts.clone(),
            })
        };
        let world = World::try_over(dying(), dying(), dying(), self.clock.clone()).await;
        world.ok().map(|world| (world, fuse))
    }

    /// True if the scanner is killed here.
    fn killed(&mut self) -> bool {
        self.scanner_left -= 1;
        self.scanner_left == -1
    }

    /// Restarts the controller until all is scanned.
    async fn run(&mut self, mut dies: Option<(i64, bool)>, manner: Manner) -> bool {
        let mut blown = false;
        let mut unheard: Option<(String, rampart_model::scan_job::Outcome)> = None;
        for _ in 0..200 {
            let Some((world, fuse)) = self.start(dies.take()).await else {
                blown = true;
                self.restarts += 1;
                continue;
            };
            let outcome = self.drive(&world, manner, &mut unheard).await;
            if fuse.blown.load(Ordering::SeqCst) {
                blown = true;
                self.restarts += 1;
                self.clock.advance(2 * MINUTE);
                continue;
            }
            outcome.unwrap();
            if self.settled(&world) {
                break;
            }
            self.clock.advance(2 * MINUTE);
        }
        self.check().await;
        blown
    }

    fn settled(&self, world: &World) -> bool {
        let totals = world.app.scan_totals();
        totals.scheduled + totals.scanning == 0 && totals.scanned == 3
    }

    /// The client asks until it is heard; the scanner works until there is nothing.
    async fn drive(
        &mut self,
        world: &World,
        manner: Manner,
        unheard: &mut Option<(String, rampart_model::scan_job::Outcome)>,
    ) -> Result<(), AppError> {
        let app = &world.app;
        match app.create_registry(scanner::registry("shop")).await {
            Ok(()) | Err(AppError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
        if app.registry_view("shop")?.listing.images.is_empty() {
            app.scan_registry("shop").await?;
        }
        if let Some((lease, outcome)) = unheard.take() {
            match app.finish_work(&lease, "s1", outcome.clone()).await {
                Ok(()) | Err(AppError::Conflict) => {}
                Err(error) => {
                    *unheard = Some((lease, outcome));
                    return Err(error);
                }
            }
        }
        loop {
            let Some(work) = app.take_work(info("s1"), Duration::ZERO).await? else {
                return Ok(());
            };
            if self.killed() {
                return Ok(());
            }
            app.renew_lease(&work.lease).await?;
            let found = outcome(&work.order);
            if self.killed() {
                return Ok(());
            }
            if let Err(error) = app.finish_work(&work.lease, "s1", found.clone()).await {
                if manner == Manner::Repeats {
                    *unheard = Some((work.lease, found));
                }
                return Err(error);
            }
            if self.killed() {
                return Ok(());
            }
        }
    }

    async fn check(&self) {
        let (world, _) = self.start(None).await.unwrap();
        let app = &world.app;
        assert!(self.settled(&world), "{:?}", app.scan_totals());
        let images = app.registry_images("shop").unwrap();
        assert_eq!(images.len(), 3);
        for row in &images {
            assert_eq!(row.scan.counts.critical, 1);
            let place = rampart_controller::app::Place::default();
            let (_, report) = app.scan_report(&row.scan.key, place).await.unwrap();
            assert_eq!(report.target.repository, row.image.repository);
        }
        let records = world.records().await;
        let reports = records.iter().filter(|r| r.name == "Registry.Scan.Report");
        assert_eq!(reports.count(), 3, "each told once");
        app.age_scans().await.unwrap();
        app.age_scans().await.unwrap();
        assert_eq!(
            self.artifacts.names().await.unwrap().len(),
            3,
            "no report is left over"
        );
    }
}

#[tokio::test]
async fn a_controller_killed_at_any_write_loses_and_doubles_nothing() {
    let mut writes = 0;
    for manner in [Manner::Repeats, Manner::Forgets] {
        for after in [false, true] {
            for step in 0.. {
                let mut trial = Trial::new();
                if !trial.run(Some((step, after)), manner).await {
                    break;
                }
                writes += 1;
            }
        }
    }
    println!("killed at {writes} writes");
    assert!(writes > 60, "{writes}");
}

#[tokio::test]
async fn a_scanner_killed_at_any_step_loses_and_doubles_nothing() {
    for step in 0..12 {
        let mut trial = Trial::new();
        trial.scanner_left = step;
        trial.run(None, Manner::Forgets).await;
    }
}

#[tokio::test]
async fn both_killed_again_and_again() {
    for step in 0..40 {
        let mut trial = Trial::new();
        trial.scanner_left = step % 12;
        trial
            .run(Some((step, step % 2 == 0)), Manner::Repeats)
            .await;
    }
}
