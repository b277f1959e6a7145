//! `rampart login` and `rampart logout`: a session kept for the other commands.

use crate::{
    client::{self, Client, PasswordChangeNeeded},
    settings::ServerArgs,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart login --user admin\n  RAMPART_PASSWORD=… rampart login --user ci --server https://rampart.example:10443 --ca ca.pem"
)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// New password, where the controller demands a change
    #[arg(
        long,
        env = "RAMPART_NEW_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    new_password: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn login(args: LoginArgs) -> Result<ExitCode> {
    let user = match &args.server.user {
        Some(user) => user.clone(),
        None => "admin".to_owned(),
    };
    let password = match &args.server.password {
        Some(password) => password.clone(),
        None => rpassword::prompt_password(format!("Password of {user}: "))
            .context("cannot ask for the password here: set RAMPART_PASSWORD")?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = Client::anonymous(&args.server)?;
        let token = match client
            .log_in(&user, &password, args.new_password.as_deref())
            .await
        {
            Err(error) if error.downcast_ref::<PasswordChangeNeeded>().is_some() => {
                let new = ask_new_password()?;
                client.log_in(&user, &password, Some(&new)).await?
            }
            other => other?,
        };
        let path = client::keep_token(client.server(), &token)?;
        println!("Logged in as {user}; session kept in {}", path.display());
        Ok(ExitCode::SUCCESS)
    })
}

fn ask_new_password() -> Result<String> {
    let new = rpassword::prompt_password("This password must be changed. New password: ")
        .context("cannot ask for the new password here: set RAMPART_NEW_PASSWORD")?;
    let again = rpassword::prompt_password("Once more: ")?;
    if new != again {
        bail!("the two differ: nothing was changed");
    }
    Ok(new)
}

pub(crate) fn logout(args: LogoutArgs) -> Result<ExitCode> {
    let code = client::with_client(&args.server, async |client| client.log_out().await)?;
    client::forget_token();
    println!("Logged out");
    Ok(code)
}
