//! Registries as the command line, Docker's and Podman's files and the environment describe them.

use super::args::LoginArgs;
use anyhow::{Context, Result, bail};
use rampart_scanner::{
    image::Platform,
    registry::{Client, Credentials, Environment, Login, Settings},
    scan::Options,
    source::{self, Source},
};
use std::{collections::HashMap, env, fs, io::Read, path::PathBuf, sync::Arc};
use tokio::runtime::Runtime;

/// The client and what drives it; set up when the first registry is asked.
#[derive(Default)]
pub(super) struct Registries {
    ready: Option<(Runtime, Arc<Client>)>,
}

impl Registries {
    pub(super) fn get(
        &mut self,
        login: &LoginArgs,
        options: &Options,
    ) -> Result<&(Runtime, Arc<Client>)> {
        if self.ready.is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .context("cannot start the network runtime")?;
            let client = Client::new(settings(login)?, options.stop.clone())?;
            self.ready = Some((runtime, Arc::new(client)));
        }
        self.ready.as_ref().context("no network runtime")
    }

    pub(super) fn image(
        &mut self,
        name: &str,
        platform: Option<&Platform>,
        login: &LoginArgs,
        options: &Options,
    ) -> Result<Source> {
        let reference = name.parse()?;
        let (runtime, client) = self.get(login, options)?;
        let client = Arc::clone(client);
        Ok(source::registry::open(
            client,
            runtime.handle(),
            &reference,
            platform,
        )?)
    }
}

fn settings(login: &LoginArgs) -> Result<Settings> {
    let authorities = login
        .registry_ca
        .iter()
        .map(|path| fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect::<Result<_>>()?;
    Ok(Settings {
        credentials: credentials(login)?,
        environment: environment(),
        insecure: login.insecure,
        plain_http: login.plain_http,
        authorities,
        mirrors: mirrors(&login.registry_mirror)?,
        proxy: login.proxy.clone(),
        resolve: Vec::new(),
    })
}

fn credentials(login: &LoginArgs) -> Result<Credentials> {
    if let Some(token) = &login.registry_token {
        return Ok(Credentials::given(Login::RegistryToken(token.clone())));
    }
    if let Some(username) = login.username.clone() {
        let password = if login.password_stdin {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the password")?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            login
                .password
                .clone()
                .context("--username needs --password or --password-stdin")?
        };
        return Ok(Credentials::given(Login::Password { username, password }));
    }
    let mut credentials = Credentials::default();
    for path in config_files() {
        if let Ok(content) = fs::read(&path)
            && !credentials.add_config(&content)
        {
            eprintln!(
                "rampart: {}: not valid JSON, its logins are not used",
                path.display()
            );
        }
    }
    Ok(credentials)
}

/// Podman's file of logins, then Docker's.
fn config_files() -> Vec<PathBuf> {
    let folder = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = folder("HOME");
    let own = |rest: &str| home.as_ref().map(|home| home.join(rest));
    let docker = folder("DOCKER_CONFIG").map(|dir| dir.join("config.json"));
    [
        folder("REGISTRY_AUTH_FILE"),
        docker.or_else(|| own(".docker/config.json")),
        folder("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
        own(".config/containers/auth.json"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Set or not, a cloud's registry is worth a question: so there is always one entry.
pub(crate) fn environment() -> Environment {
    let found = Environment::NAMES
        .iter()
        .map(|name| {
            (
                *name,
                env::var_os(name).and_then(|value| value.into_string().ok()),
            )
        })
        .map(|(name, value)| (name.to_owned(), value.unwrap_or_default()));
    Environment(found.collect())
}

fn mirrors(pairs: &[String]) -> Result<HashMap<String, Vec<String>>> {
    let mut mirrors: HashMap<String, Vec<String>> = HashMap::new();
    for pair in pairs {
        let Some((host, url)) = pair.split_once('=') else {
            bail!("'{pair}' is no mirror: write HOST=URL");
        };
        mirrors
            .entry(host.to_owned())
            .or_default()
            .push(url.to_owned());
    }
    Ok(mirrors)
}
