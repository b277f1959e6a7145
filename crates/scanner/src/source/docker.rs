//! An image out of a Docker or Podman daemon, through its socket: what `docker save` gives,
//! streamed and never written anywhere.
//!
//! The daemon is spoken to in HTTP/1.0, so that answers come as they are. Limits: [`HEAD_BYTES`]
//! for the head of an answer, documents as in [`crate::image`].

use super::{
    Source, SourceError,
    archive::Stream,
    layout::{Choice, read_small},
};
use crate::stop::{Stop, Watched};
use serde_json::Value;
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

const HEAD_BYTES: usize = 64 << 10;
/// How long the daemon may take no request. Its answer may take as long as the scan: saving a large
/// image begins with a long silence.
const SILENCE: Duration = Duration::from_secs(120);

/// Where daemons listen: Docker's, Podman's for root.
pub const DOCKER_SOCKET: &str = "/var/run/docker.sock";
pub const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// # Errors
/// When nobody listens there, or it has no such image.
pub fn open(socket: &Path, name: &str, stop: &Stop) -> Result<Source, SourceError> {
    let path = format!("/images/{}", escaped(name));
    let body =
        get(socket, &format!("{path}/json"), stop).map_err(|error| refused(socket, name, error))?;
    let text = read_small(body).map_err(|error| SourceError::read(socket, error))?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|source| crate::image::ImageError::Json {
            what: "daemon's answer",
            source,
        })?;
    let id = value["Id"].as_str().unwrap_or_default().to_owned();
    let body = Lazy {
        socket: socket.to_owned(),
        path: format!("{path}/get"),
        stop: stop.clone(),
        body: None,
    };
    // The archive holds one image, under whatever names the daemon knows.
    let stream = Stream::new(socket, Box::new(body), Choice::default());
    Ok(Source::Stream(stream.of_image(id, name)))
}

fn refused(socket: &Path, name: &str, error: io::Error) -> SourceError {
    match error.kind() {
        io::ErrorKind::NotFound if socket.exists() => SourceError::NoSuchImage {
            name: name.to_owned(),
            path: socket.to_owned(),
            available: "other images".into(),
        },
        _ => SourceError::read(socket, error),
    }
}

/// Everything but what may stand in a path of the daemon's API.
fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' | b':' | b'@' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The body of an answer of the 200s.
fn get(socket: &Path, path: &str, stop: &Stop) -> io::Result<Box<dyn Read + Send>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(SILENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: rampart\r\n\r\n"
    )?;
    let mut stream = Watched::new(stream, stop.clone());
    let (head, rest) = head(&mut stream)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse::<u16>().ok())
        .unwrap_or(0);
    let body = io::Cursor::new(rest).chain(stream);
    match status {
        200..=299 => Ok(Box::new(body)),
        404 => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the daemon has no such image",
        )),
        _ => Err(io::Error::other(format!("the daemon answered {status}"))),
    }
}

/// The head of an answer, and what came with it of the body.
fn head(stream: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 || bytes.len() > HEAD_BYTES {
            return Err(io::Error::other("the daemon's answer has no head"));
        }
        let from = bytes.len().saturating_sub(3);
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(at) = bytes[from..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            let rest = bytes.split_off(from + at + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
    }
}

/// Asks only when something is read: what is in the cache need not be saved.
struct Lazy {
    socket: PathBuf,
    path: String,
    stop: Stop,
    body: Option<Box<dyn Read + Send>>,
}

impl Read for Lazy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.body {
            Some(body) => body.read(buffer),
            None => self
                .body
                .insert(get(&self.socket, &self.path, &self.stop)?)
                .read(buffer),
        }
    }
}
