//! The console alone, in front of a controller that is already there:
//! `console LISTEN CONTROLLER-URL CONTROLLER-CA.pem CERT.pem KEY.pem`.

use rampart_manager::{Config, serve};
use std::{error::Error, fs};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [listen, url, ca, cert, key] = args.as_slice() else {
        return Err("usage: console LISTEN CONTROLLER-URL CONTROLLER-CA CERT KEY".into());
    };
    let mut config = Config::new(listen.parse()?, url);
    config.controller_ca_pem = fs::read(ca)?;
    config.tls_cert_pem = fs::read(cert)?;
    config.tls_key_pem = fs::read(key)?;
    serve(config, async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
    .await?;
    Ok(())
}
