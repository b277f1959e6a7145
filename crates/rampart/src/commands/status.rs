//! `rampart status`: counts of everything.

use super::print;
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: StatusArgs) -> Result<ExitCode> {
    with_client(&args.server, async |client| {
        let answer = client.get("/v1/system/summary").await?;
        print::object(args.server.output, &answer["summary"]);
        Ok(())
    })
}
