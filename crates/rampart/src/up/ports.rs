//! Listening sockets, and who holds a port that is taken.

use anyhow::{Context, Result, bail};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
};

/// Binds, or says who has the port and what to do.
pub(crate) fn bind(addr: SocketAddr, flag: &str) -> Result<TcpListener> {
    match TcpListener::bind(addr) {
        Ok(listener) => {
            listener
                .set_nonblocking(true)
                .context("cannot make the listener non-blocking")?;
            Ok(listener)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let who = holder(addr.port()).map_or_else(
                || "another process".to_owned(),
                |(pid, name)| format!("{name} (pid {pid})"),
            );
            bail!("{addr} is held by {who}: stop it, or choose another address with {flag}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {addr} ({flag})")),
    }
}

/// Process that listens on a TCP port, found through /proc.
fn holder(port: u16) -> Option<(u32, String)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(table, port))?;
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let held = fs::read_dir(entry.path().join("fd"))
            .ok()?
            .flatten()
            .any(|fd| {
                fs::read_link(fd.path()).is_ok_and(|target| target.to_string_lossy() == wanted)
            });
        held.then(|| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            (pid, name.trim().to_owned())
        })
    })
}

/// Inode of the socket in state LISTEN (0A) on that port.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    let suffix = format!(":{port:04X}");
    fs::read_to_string(table)
        .ok()?
        .lines()
        .skip(1)
        .find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (local.ends_with(&suffix) && *state == "0A").then(|| inode.parse().ok())?
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(held.local_addr().unwrap(), "--rest")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("(pid {})", std::process::id())),
            "{error}"
        );
        assert!(error.contains("--rest"), "{error}");
    }
}
