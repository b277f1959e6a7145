//! A Rampart of the demo's own: another process, a data folder that goes with it, free ports.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

pub(super) struct Server {
    child: Child,
    data: PathBuf,
    rest: String,
    pub(super) console: String,
    pub(super) password: String,
}

impl Server {
    pub(super) fn start(log: &str) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("rampart-demo-{}", std::process::id()));
        let password = password()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([
                "up",
                "--rest",
                "127.0.0.1:0",
                "--console",
                "127.0.0.1:0",
                "--log",
                log,
                "--data",
            ])
            .arg(&data)
            .env("RAMPART_BOOTSTRAP_PASSWORD", &password)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start rampart up")?;
        let Some(stdout) = child.stdout.take() else {
            bail!("no output of rampart up")
        };
        let mut reader = BufReader::new(stdout);
        let (mut rest, mut console) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                let _ = child.wait();
                let _ = fs::remove_dir_all(&data);
                bail!("rampart up ended at once; what it said is above");
            }
            let word = |label: &str| {
                line.trim_start()
                    .strip_prefix(label)
                    .and_then(|rest| rest.split_whitespace().next())
                    .map(str::to_owned)
            };
            rest = word("REST API").unwrap_or(rest);
            console = word("Console").unwrap_or(console);
            if line.trim_start().starts_with("Stop") {
                break;
            }
        }
        std::thread::spawn(move || {
            let _ = reader.read_to_end(&mut Vec::new());
        });
        let rest = rest.trim_end_matches("/v1/").to_owned();
        Ok(Self {
            child,
            data,
            rest,
            console,
            password,
        })
    }

    pub(super) fn args(&self) -> crate::settings::ServerArgs {
        super::server_args(&self.rest, self.data.join("tls/ca.pem"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// Random, and of every kind a password profile may ask for.
fn password() -> Result<String> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Ok(format!("Demo-{hex}"))
}
