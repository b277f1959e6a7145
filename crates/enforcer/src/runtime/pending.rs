//! Files a task asked to execute and has not yet become: the scripts on the way to an interpreter.
//!
//! Limits: [`MAX_TASKS`] tasks, [`MAX_FILES`] files each; the kernel nests interpreters 5 deep.

use std::collections::HashMap;

const MAX_TASKS: usize = 8192;
const MAX_FILES: usize = 6;

#[derive(Debug, Default)]
pub(crate) struct Pending(HashMap<u32, Vec<String>>);

impl Pending {
    pub(crate) fn asked(&mut self, pid: u32, path: &str) {
        if self.0.len() >= MAX_TASKS && !self.0.contains_key(&pid) {
            self.0.clear();
        }
        let files = self.0.entry(pid).or_default();
        if files.len() == MAX_FILES {
            files.remove(0);
        }
        files.push(path.to_owned());
    }

    /// What led to the exec of `path`, without itself.
    pub(crate) fn take(&mut self, pid: u32, path: &str) -> Vec<String> {
        let mut files = self.0.remove(&pid).unwrap_or_default();
        files.retain(|file| file != path);
        files
    }

    pub(crate) fn forget(&mut self, pid: u32) {
        self.0.remove(&pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_from_its_interpreter() {
        let mut pending = Pending::default();
        pending.asked(7, "/run.sh");
        pending.asked(7, "/bin/dash");
        assert_eq!(pending.take(7, "/bin/dash"), ["/run.sh"]);
        assert_eq!(pending.take(7, "/bin/dash"), Vec::<String>::new());
        for pid in 0..100_000 {
            pending.asked(pid, "/x");
        }
        assert!(pending.0.len() <= MAX_TASKS);
    }
}
