//! The REST API over real HTTPS, on the real controller with a store in memory.

mod change;
mod client;
mod contract;
mod detection;
mod fixture;
mod flood;
mod guard;
mod hostile;
mod lists;
mod live;
mod login;
mod noun;
mod reference;
mod response;
mod sbom;
mod scan;
mod scan_vulnerability;
mod what_if;

use crate::world::World;
use client::Client;
use rampart_controller::{
    auth::{Auth, AuthConfig, Bootstrap, NewUser, Role},
    rest::{self, RestConfig, RestError},
};
use rampart_store::memory::Memory;
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const PASSWORD: &str = "Correct-Horse-1";

/// A served API. `admin` has signed in and has the password [`PASSWORD`].
pub(crate) struct Api {
    pub(crate) world: World,
    pub(crate) auth: Auth,
    pub(crate) address: SocketAddr,
    pub(crate) ca: String,
    pub(crate) admin: Client,
    stop: CancellationToken,
    pub(crate) served: JoinHandle<Result<(), RestError>>,
}

impl Api {
    pub(crate) async fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let world = World::over(memory.clone(), memory, Arc::default()).await;
        Self::over(world).await
    }

    /// The same with `web`, `api` and `db` of the domain `shop`.
    pub(crate) async fn shop() -> Self {
        let api = Self::new().await;
        api.world.shop().await;
        api
    }

    pub(crate) async fn over(world: World) -> Self {
        Self::serving(world, None).await
    }

    /// Scanners elsewhere may come with this token.
    pub(crate) async fn with_scanner_token(token: &str) -> Self {
        let memory = Arc::new(Memory::default());
        let world = World::over(memory.clone(), memory, Arc::default()).await;
        Self::serving(world, Some(token)).await
    }

    async fn serving(world: World, scanner_token: Option<&str>) -> Self {
        let config = AuthConfig {
            bootstrap_password: None,
        };
        let (auth, bootstrap) = Auth::open(world.store.clone(), world.clock.clone(), config)
            .await
            .unwrap();
        let (address, ca, stop, served) = start(&world, &auth, scanner_token);
        let mut admin = Client::new(address, &ca);
        if let Bootstrap::Generated(first) = bootstrap {
            let reply = admin
                .post("/v1/auth", &sign_in("admin", &first, Some(PASSWORD)))
                .await;
            admin.token = reply.token();
        }
        Self {
            world,
            auth,
            address,
            ca,
            admin,
            stop,
            served,
        }
    }

    /// A client nobody has signed in with.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, &self.ca)
    }

    /// A signed-in user made for the purpose.
    pub(crate) async fn user(&self, name: &str, role: Role, domains: &[(&str, &[&str])]) -> Client {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let role_domains: BTreeMap<_, _> = domains
            .iter()
            .map(|(role, names)| ((*role).to_owned(), own(names)))
            .collect();
        let new = NewUser {
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
            role,
            role_domains,
            email: String::new(),
            locale: String::new(),
            timeout: 0,
        };
        self.auth.create_user(new).await.unwrap();
        let mut client = self.client();
        client.token = client
            .post("/v1/auth", &sign_in(name, PASSWORD, None))
            .await
            .token();
        client
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(self) -> World {
        self.stop.cancel();
        drop(self.admin);
        self.served.await.unwrap().unwrap();
        self.world
    }
}

fn start(
    world: &World,
    auth: &Auth,
    scanner_token: Option<&str>,
) -> (
    SocketAddr,
    String,
    CancellationToken,
    JoinHandle<Result<(), RestError>>,
) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let ca = made.cert.pem();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = RestConfig::new(ca.clone(), made.signing_key.serialize_pem());
    if let Some(token) = scanner_token {
        config = config.with_scanner_token(token);
    }
    let stop = CancellationToken::new();
    let (app, auth, stopped) = (
        world.app.clone(),
        auth.clone(),
        stop.clone().cancelled_owned(),
    );
    let served = tokio::spawn(rest::serve(listener, config, app, auth, stopped));
    (address, ca, stop, served)
}

pub(crate) fn sign_in(user: &str, password: &str, new: Option<&str>) -> Value {
    let mut body = json!({"client_ip": "", "password": {"username": user, "password": password}});
    if let Some(new) = new {
        body["password"]["new_password"] = json!(new);
    }
    body
}

/// Says what differs, not only that it does.
#[track_caller]
pub(crate) fn has(value: &Value, path: &str) {
    let mut at = value;
    for part in path.split('.') {
        let next = match part.parse::<usize>() {
            Ok(place) => at.get(place),
            Err(_) => at.get(part),
        };
        at = next.unwrap_or_else(|| panic!("no `{path}` in {value:#}"));
    }
}
