//! The name a waiting `execve` was called by: the applet of a multi-call binary.
//!
//! The kernel tells the file only, which is the same for every applet of busybox. The name is read
//! from the caller's memory, which it can change meanwhile: so a name that is allowed here is
//! judged again from the kernel's own copy once the exec has happened. Limits: 256 bytes.

use std::{fs, fs::File, os::unix::fs::FileExt};

const NAME_BYTES: usize = 256;
const EXECVE: u64 = if cfg!(target_arch = "x86_64") {
    59
} else {
    221
};
const EXECVEAT: u64 = if cfg!(target_arch = "x86_64") {
    322
} else {
    281
};
pub(super) const MULTI_CALL: &[&str] = &[
    "busybox",
    "toybox",
    "coreutils",
    "uutils",
    "sbase-box",
    "ubase-box",
];

/// Whether a file serves many commands, chosen by the name it is called by.
pub(crate) fn is_multi_call(path: &str) -> bool {
    MULTI_CALL.contains(&base_name(path)) || base_name(path).starts_with("busybox.")
}

pub(crate) fn base_name(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

/// The command a file runs as: the applet for a multi-call binary, else its own name.
pub(crate) fn command_name<'a>(path: &'a str, argv: &'a [String]) -> &'a str {
    if !is_multi_call(path) {
        return base_name(path);
    }
    let called = |n: usize| argv.get(n).map(|a| base_name(a.trim_start_matches('-')));
    let Some(first) = called(0).filter(|n| !n.is_empty()) else {
        return base_name(path);
    };
    if first != base_name(path) {
        return first;
    }
    // `busybox nc …` is `nc`.
    match called(1) {
        Some(applet) if !applet.is_empty() && !argv[1].starts_with('-') => applet,
        _ => first,
    }
}

/// An exec that waits: the file as it was asked for, and the first arguments, each cut to 256
/// bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PendingExec {
    pub(crate) filename: String,
    pub(crate) argv: Vec<String>,
}

/// What a task in `execve` asked for; `None` if it is not in one.
pub(crate) fn pending_exec(tid: u32, count: usize) -> Option<PendingExec> {
    let line = fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
    let mut words = line.split_ascii_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let position = match number {
        EXECVE => 0,
        EXECVEAT => 1,
        _ => return None,
    };
    let mut address = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    if position == 1 {
        address()?;
    }
    let (filename, argv) = (address()?, address()?);
    let memory = File::open(format!("/proc/{tid}/mem")).ok()?;
    let mut pointers = vec![0; count.min(64) * 8];
    let read = memory.read_at(&mut pointers, argv).ok()?;
    let argv = pointers[..read]
        .chunks_exact(8)
        .map_while(|p| Some(u64::from_le_bytes(p.try_into().ok()?)).filter(|&p| p != 0))
        .map_while(|pointer| text_at(&memory, pointer))
        .collect();
    Some(PendingExec {
        filename: text_at(&memory, filename).unwrap_or_default(),
        argv,
    })
}

impl PendingExec {
    /// The name it is called by, if file and first argument agree on it: so is a script called,
    /// and so it still looks when the kernel opens the script's interpreter.
    pub(crate) fn called(&self) -> Option<&str> {
        let name = base_name(&self.filename);
        (Some(name) == self.argv.first().map(|a| base_name(a))).then_some(name)
    }
}

fn text_at(memory: &File, address: u64) -> Option<String> {
    let mut bytes = [0; NAME_BYTES];
    let mut length = memory.read_at(&mut bytes, address).unwrap_or(0);
    if length == 0 {
        // The text may end right before a page that is not there.
        let to_edge = usize::try_from(4096 - address % 4096).ok()?.min(NAME_BYTES);
        length = memory.read_at(&mut bytes[..to_edge], address).ok()?;
    }
    let text = bytes[..length].split(|&b| b == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (path, argv, name) in [
            ("/usr/bin/nc", vec!["anything"], "nc"),
            ("/bin/busybox", vec!["nc", "-l"], "nc"),
            ("/bin/busybox", vec!["/usr/bin/nc"], "nc"),
            ("/bin/busybox", vec!["-sh"], "sh"),
            ("/bin/busybox", vec!["busybox", "nc"], "nc"),
            ("/bin/busybox", vec!["/bin/busybox", "--list"], "busybox"),
            ("/bin/busybox", vec!["busybox"], "busybox"),
            ("/bin/busybox", vec![], "busybox"),
            ("/bin/busybox", vec![""], "busybox"),
        ] {
            let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
            assert_eq!(command_name(path, &argv), name, "{path} {argv:?}");
        }
    }

    #[test]
    fn names_agree_or_not() {
        let call = |filename: &str, first: &str| {
            let argv = vec![first.to_owned()];
            PendingExec {
                filename: filename.to_owned(),
                argv,
            }
            .called()
            .map(str::to_owned)
        };
        assert_eq!(call("/run.sh", "./run.sh").as_deref(), Some("run.sh"));
        assert_eq!(call("/tmp/run.sh", "nc"), None);
    }

    #[test]
    fn no_pending_exec_is_no_name() {
        assert_eq!(pending_exec(std::process::id(), 2), None);
        assert_eq!(pending_exec(u32::MAX, 2), None);
    }
}
