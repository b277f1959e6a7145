//! `rampart policy`: a changed policy, tried out on what was recorded.

use super::print::{self, Column};
use crate::{
    client::with_client,
    settings::{Output, ServerArgs},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::{fs::File, io::Read, path::Path, process::ExitCode};

/// A change is a list of rules; this is more than any.
const MAX_FILE_BYTES: u64 = 8 << 20;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart policy what-if --group nv.web.shop --mode protect\n  rampart policy what-if --group nv.web.shop --profile-mode protect --baseline zero-drift\n  rampart policy what-if --group nv.web.shop --mode protect --file change.json -o json\n\nA change file holds the fields of POST /v1/whatif:\n  {\"process_change_list\": [{\"name\": \"sh\", \"path\": \"/bin/sh\", \"action\": \"allow\"}],\n   \"add_rules\": [{\"from\": \"nv.web.shop\", \"to\": \"external\", \"ports\": \"any\", \"action\": \"deny\"}]}\n\nThe exit code is 1 if something recorded would be denied, or the question failed; else 0."
)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// What of all that was recorded a changed policy would alert of or deny; changes nothing
    WhatIf {
        #[arg(long)]
        group: String,
        /// Both modes: discover, monitor or protect
        #[arg(long)]
        mode: Option<String>,
        /// The network mode alone
        #[arg(long)]
        policy_mode: Option<String>,
        /// The process and file mode alone
        #[arg(long)]
        profile_mode: Option<String>,
        /// basic or zero-drift
        #[arg(long)]
        baseline: Option<String>,
        /// Changed rules, as JSON
        #[arg(long)]
        file: Option<std::path::PathBuf>,
    },
}

const COLUMNS: &[Column] = &[
    ("WOULD", "after"),
    ("NOW", "before"),
    ("KIND", "kind"),
    ("WHAT", "what"),
    ("BY", "detail"),
    ("COUNT", "count"),
    ("CONTAINERS", "workloads"),
    ("WHY", "reason"),
];

pub(crate) fn run(args: PolicyArgs) -> Result<ExitCode> {
    let config = asked(&args.command)?;
    let output = args.server.output;
    let mut denied = 0;
    let code = with_client(&args.server, async |client| {
        let body = json!({"config": config});
        let answer = client
            .send(reqwest::Method::POST, "/v1/whatif", Some(body))
            .await?;
        let answer = &answer["what_if"];
        denied = answer["denied"].as_u64().unwrap_or_default();
        show(output, answer);
        Ok(())
    })?;
    Ok(if denied > 0 { ExitCode::from(1) } else { code })
}

/// The body: what the file says, and over it what the flags say.
fn asked(command: &Command) -> Result<Map<String, Value>> {
    let Command::WhatIf {
        group,
        mode,
        policy_mode,
        profile_mode,
        baseline,
        file,
    } = command;
    let mut config = match file {
        Some(path) => read(path)?,
        None => Map::new(),
    };
    config.insert("group".to_owned(), json!(group));
    for (name, value) in [
        ("mode", mode),
        ("policy_mode", policy_mode),
        ("profile_mode", profile_mode),
        ("baseline", baseline),
    ] {
        if let Some(value) = value {
            config.insert(name.to_owned(), json!(value));
        }
    }
    if config.len() == 1 {
        bail!("nothing would change: give --mode, --baseline or --file");
    }
    Ok(config)
}

fn read(path: &Path) -> Result<Map<String, Value>> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        bail!("{} has more than {MAX_FILE_BYTES} bytes", path.display());
    }
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no JSON object of a change", path.display()))
}

fn show(output: Output, answer: &Value) {
    if matches!(output, Output::Json) {
        print::json(answer);
        return;
    }
    let acts = answer["acts"].as_array().cloned().unwrap_or_default();
    print::rows(output, &acts, COLUMNS);
    let number = |field: &str| answer[field].as_u64().unwrap_or_default();
    println!(
        "{} recorded acts of {} containers: {} denied ({} of them are not now), {} alerted, {} allowed",
        number("judged"),
        number("members"),
        number("denied"),
        number("newly_denied"),
        number("alerted"),
        number("allowed"),
    );
    let silent = answer["not_asked"].as_array().map_or(0, Vec::len);
    if silent > 0 {
        println!("{silent} nodes did not answer: what runs there is not in it");
    }
    if answer["complete"] == json!(false) {
        println!("there is more than was judged; the newest and first are");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what_if(mode: Option<&str>, file: Option<&Path>) -> Command {
        Command::WhatIf {
            group: "nv.web.shop".into(),
            mode: mode.map(str::to_owned),
            policy_mode: None,
            profile_mode: None,
            baseline: None,
            file: file.map(Path::to_owned),
        }
    }

    #[test]
    fn flags_are_put_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"mode": "monitor", "delete_rules": [3]}"#).unwrap();
        let config = asked(&what_if(Some("protect"), Some(file.path()))).unwrap();
        assert_eq!(
            Value::Object(config),
            json!({"group": "nv.web.shop", "mode": "protect", "delete_rules": [3]})
        );
        std::fs::write(file.path(), "[1]").unwrap();
        assert!(asked(&what_if(None, Some(file.path()))).is_err());
        assert!(asked(&what_if(None, None)).is_err());
    }
}
