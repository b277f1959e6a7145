//! The one place of this crate that starts programs.

use std::{
    ffi::OsStr,
    fmt, io,
    process::{Command, Output, Stdio},
};

/// A program that could not be started, or that failed.
#[derive(Debug)]
pub enum CommandError {
    Start {
        program: String,
        source: io::Error,
    },
    Failed {
        command: String,
        code: Option<i32>,
        stderr: String,
    },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Failed {
                command,
                code,
                stderr,
            } => {
                write!(f, "`{command}` failed (exit {code:?}): {}", stderr.trim())
            }
        }
    }
}

impl std::error::Error for CommandError {}

impl From<CommandError> for io::Error {
    fn from(error: CommandError) -> Self {
        Self::other(error.to_string())
    }
}

/// A command with an empty standard input, so that no test ever waits for a terminal.
pub fn command<S: AsRef<OsStr>>(program: S) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Runs to the end and gives the output, whatever the exit code.
pub fn output<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<Output, CommandError> {
    command(program)
        .args(args)
        .output()
        .map_err(|source| CommandError::Start {
            program: program.to_owned(),
            source,
        })
}

/// Runs to the end and gives the standard output; any exit code but 0 is an error.
pub fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<String, CommandError> {
    let output = output(program, args)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let args: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
    Err(CommandError::Failed {
        command: format!("{program} {}", args.join(" ")),
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
