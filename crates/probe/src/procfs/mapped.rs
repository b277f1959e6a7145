//! Which files a process runs code of: its program and its libraries.
//!
//! Limits: the first 16 MiB of the list, and as many names as it holds; a deleted file is left out.

use super::{io_limited, root};
use std::{collections::BTreeSet, io};

/// Files mapped as programs, as the process itself names them, each once.
pub fn mapped_programs(pid: u32) -> io::Result<BTreeSet<String>> {
    Ok(parse(&io_limited(&root(pid).join("maps"))?))
}

pub(super) fn parse(maps: &[u8]) -> BTreeSet<String> {
    maps.split(|b| *b == b'\n').filter_map(executable).collect()
}

/// `7f00-7f01 r-xp 00001000 08:01 1234   /usr/lib/libc.so.6`: the name of an executable mapping.
fn executable(line: &[u8]) -> Option<String> {
    let slash = line.iter().position(|b| *b == b'/')?;
    let flags = line.get(..slash)?.split(|b| *b == b' ').nth(1)?;
    let name = line.get(slash..)?;
    if !flags.contains(&b'x') || name.ends_with(b" (deleted)") {
        return None;
    }
    Some(String::from_utf8_lossy(name).replace("\\012", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_executable_mappings() {
        let maps = b"55d0-55d1 r--p 00000000 08:01 11   /usr/sbin/nginx\n\
            55d1-55d2 r-xp 00001000 08:01 11   /usr/sbin/nginx\n\
            7f00-7f01 r-xp 00001000 08:01 12   /usr/lib/lib with blank.so\n\
            7f01-7f02 r-xp 00001000 08:01 13   /tmp/gone (deleted)\n\
            7f02-7f03 rw-p 00001000 08:01 14   /var/data\n\
            7ffc-7ffd r-xp 00000000 00:00 0    [vdso]\n/\n";
        let found: Vec<String> = parse(maps).into_iter().collect();
        assert_eq!(found, ["/usr/lib/lib with blank.so", "/usr/sbin/nginx"]);
    }

    #[test]
    fn finds_its_own_program() {
        let own = std::env::current_exe().unwrap();
        let found = mapped_programs(std::process::id()).unwrap();
        assert!(found.contains(own.to_str().unwrap()), "{found:?}");
    }
}
