//! Detection rules on changes of files that file rules watch, by processes of the container.
//!
//! Only where the kernel does not tell system calls: those say the same, and more.
//!
//! Limits: writes, removals and renames only, told after the fact; what is read, and what nothing
//! watches, is not seen. Changes of mode and owner are one fact to the kernel side, so that no
//! rule on either can be answered.

use super::{
    Runtime,
    evaluate::{Act, lineage},
    member::Member,
    table::Process,
};
use rampart_detect::{
    Event, EventType,
    field::{Arg, ArgValue, Fd, FlagSet},
};
use rampart_probe::{FileAct, FileOp};

/// Types of events that are made of changes.
pub(super) const CHANGES: &[&str] = &["openat", "unlinkat", "rmdir", "renameat"];

const O_WRONLY: u64 = 1;
const O_CREAT: u64 = 0o100;
/// A descriptor of no meaning; rules ask whether there is one.
const DESCRIPTOR: i64 = 3;

impl Runtime {
    pub(super) fn detect_file(&self, act: &FileAct, process: &Process, member: &Member) {
        if self.detection.get().is_none_or(|d| d.sees_calls()) {
            return;
        }
        let does = |ops: &[FileOp]| act.ops.iter().any(|op| ops.contains(op));
        if does(&[FileOp::Create, FileOp::Modify, FileOp::CloseWrite]) {
            let create = if does(&[FileOp::Create]) { O_CREAT } else { 0 };
            let args = [
                text("name", &act.path),
                Arg {
                    name: "flags",
                    value: ArgValue::Flags(FlagSet::Open, O_WRONLY | create),
                },
            ];
            self.detect_change("openat", "open-write", &args, act, process, member);
        }
        if does(&[FileOp::Delete]) {
            let kind = if act.directory { "rmdir" } else { "unlinkat" };
            let args = [text("name", &act.path), text("path", &act.path)];
            self.detect_change(kind, "unlink", &args, act, process, member);
        }
        if does(&[FileOp::Rename]) {
            let new = act.new_path.as_deref().map(|path| text("newpath", path));
            let args: Vec<_> = std::iter::once(text("oldpath", &act.path))
                .chain(new)
                .collect();
            self.detect_change("renameat", "rename", &args, act, process, member);
        }
    }

    fn detect_change(
        &self,
        kind: &str,
        operation: &'static str,
        args: &[Arg<'_>],
        file: &FileAct,
        process: &Process,
        member: &Member,
    ) {
        let kind = EventType::named(kind);
        let Some(detection) = self.wanting(kind) else {
            return;
        };
        let state = self.lock();
        let lineage = lineage(process, &state);
        let opened = kind.is_open();
        let event = Event {
            kind,
            result: Some(if opened { DESCRIPTOR } else { 0 }),
            fd: opened.then(|| Fd::file(DESCRIPTOR, file.path.as_bytes())),
            args,
            ..Event::default()
        };
        let act = Act {
            at: file.at,
            process,
            uid: process.uid,
            member: Some(member),
            operation,
            about: format!("{operation} {}", file.path).into(),
            file: Some(&file.path),
        };
        self.evaluate(detection, &act, event, &lineage, &state);
    }
}

fn text<'a>(name: &'a str, value: &'a str) -> Arg<'a> {
    Arg {
        name,
        value: ArgValue::Text(value.as_bytes()),
    }
}
