//! User names of a container, from its /etc/passwd.
//!
//! Limits: 1 MiB of the file and 4,096 users are read; a malformed line is skipped.

use super::rootfs::Rootfs;
use std::{borrow::Cow, collections::HashMap, path::Path};

const MAX_BYTES: u64 = 1 << 20;
const MAX_USERS: usize = 4096;
const MAX_NAME: usize = 256;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Users(HashMap<u32, String>);

impl Users {
    /// Those of the container a process runs in; none if it cannot be read.
    pub(crate) fn of(pid: u32) -> Self {
        let bytes = Rootfs::of(pid).and_then(|r| r.read(Path::new("/etc/passwd"), MAX_BYTES));
        bytes.map(|b| Self::parse(&b)).unwrap_or_default()
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut users = HashMap::new();
        for line in text.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else {
                continue;
            };
            if let Ok(uid) = uid.parse()
                && !name.is_empty()
                && name.len() <= MAX_NAME
                && users.len() < MAX_USERS
            {
                users.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        Self(users)
    }

    /// The ids that go by a name in [`Self::name`]; none for no name.
    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        let known = self.0.iter().filter(|(_, n)| *n == name).map(|(id, _)| *id);
        let mut ids: Vec<u32> = known.collect();
        let number = if name == "root" {
            Some(0)
        } else {
            name.parse().ok()
        };
        ids.extend(number.filter(|id| !self.0.contains_key(id)));
        ids.sort_unstable();
        ids
    }

    /// The name, `root` for 0, else the number.
    pub(crate) fn name(&self, uid: u32) -> String {
        self.shown(uid).into_owned()
    }

    pub(crate) fn shown(&self, uid: u32) -> Cow<'_, str> {
        match self.0.get(&uid) {
            Some(name) => name.into(),
            None if uid == 0 => "root".into(),
            None => uid.to_string().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines() {
        let users = Users::parse(
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbad line\n:x:5:5::/:\nx:y:z\nwww\xff:x:33:33::/:\n",
        );
        for (uid, name) in [(0, "root"), (33, "www\u{fffd}"), (5, "5"), (70, "70")] {
            assert_eq!(users.name(uid), name);
        }
        assert_eq!(Users::default().name(0), "root");
        for (name, ids) in [
            ("root", vec![0]),
            ("70", vec![70]),
            ("5", vec![5]),
            ("x", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(users.ids(name), ids, "{name}");
        }
        assert_eq!(Users::default().ids("root"), [0]);
    }
}
