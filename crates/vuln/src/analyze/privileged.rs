//! Setuid and setgid files: known by their mode alone, no content is read.

use super::{Analyzer, FileFacts, FileMeta, Sink};
use rampart_model::scan::PrivilegedFile;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;

/// Notes every executable file with either bit. Setgid without group execution is a lock mark of
/// old, not a privilege.
pub struct Privileged;

pub static PRIVILEGED: Privileged = Privileged;

impl Analyzer for Privileged {
    fn name(&self) -> &'static str {
        "privileged"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        let setuid = file.mode & SETUID != 0 && file.is_executable();
        let setgid = file.mode & SETGID != 0 && file.mode & 0o010 != 0;
        setuid || setgid
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Box::new(Mark(PrivilegedFile {
            path: file.path.clone(),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            layer: None,
        })))
    }
}

struct Mark(PrivilegedFile);

impl Sink for Mark {
    fn chunk(&mut self, _bytes: &[u8]) {}

    fn finish(self: Box<Self>, _truncated: bool, out: &mut FileFacts) {
        out.privileged = Some(self.0);
    }
}
