//! Docker, and Podman through its Docker-compatible service: REST over a unix socket.
//!
//! API: docs.docker.com, Engine API v1.41 and later; `/version`, `/containers/json`,
//! `/containers/ID/json`, `/images/ID/json` and `/events` are all that is used.

use super::{Link, RuntimeKind, Source, SourceError, docker_config, http::UnixHttp};
use crate::{json, time};
use rampart_model::{Timestamp, Workload, WorkloadId};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};

/// Asked for explicitly: Podman answers other paths in its own words.
const API: &str = "/v1.40";
/// `{"type":["container","network"]}`
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";
const MAX_IMAGES: usize = 1024;

pub(crate) struct Docker;

impl Source for Docker {
    async fn session(&self, link: &Link) -> Result<Infallible, SourceError> {
        let mut session = Session {
            link,
            http: UnixHttp {
                socket: link.path.clone(),
            },
            listed: HashMap::new(),
            digests: HashMap::new(),
        };
        let version = session.http.get("/version").await?;
        // Before the listing, so that nothing falls between the two.
        let mut events = session.http.stream(&format!("{API}{EVENTS}")).await?;
        link.found(json::text(&version, "/Version"));
        let mut listing = tokio::time::interval(link.poll);
        listing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.next() => match event? {
                    Some(Ok(event)) => session.take(&event).await?,
                    Some(Err(error)) => link.skip("event", &error),
                    None => return Err(SourceError::Ended),
                },
                _ = listing.tick() => session.list().await?,
            }
        }
    }
}

struct Session<'a> {
    link: &'a Link,
    http: UnixHttp,
    /// State by id, as last inspected.
    listed: HashMap<String, String>,
    /// Digest by image id.
    digests: HashMap<String, String>,
}

impl Session<'_> {
    async fn list(&mut self) -> Result<(), SourceError> {
        let answer = self
            .http
            .get(&format!("{API}/containers/json?all=true"))
            .await?;
        let mut states = HashMap::new();
        for container in answer.as_array().into_iter().flatten() {
            let (id, state) = (
                json::text(container, "/Id"),
                json::text(container, "/State"),
            );
            if !id.is_empty()
                && !matches!(state.as_str(), "exited" | "dead" | "removing" | "stopped")
            {
                states.insert(id, state);
            }
        }
        let previous = std::mem::replace(&mut self.listed, states.clone());
        for (id, state) in &states {
            let known = previous.get(id) == Some(state) && self.link.has_told(id);
            if !known {
                self.inspect(id).await?;
            }
        }
        let ids: HashSet<WorkloadId> = states.into_keys().map(WorkloadId::from).collect();
        self.link.listed(ids);
        Ok(())
    }

    async fn inspect(&mut self, id: &str) -> Result<(), SourceError> {
        if !is_plain(id) {
            return Ok(());
        }
        let answer = match self.http.get(&format!("{API}/containers/{id}/json")).await {
            Ok(answer) => answer,
            // Gone in between, or one odd container: the others are still worth following.
            Err(
                error @ (SourceError::Status { .. }
                | SourceError::Json(_)
                | SourceError::TooLarge(_)),
            ) => {
                if !error.is_not_found() {
                    self.link.skip("container", &error);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(mut workload) = docker_config::inspect(&answer, self.link.runtime.name()) else {
            self.link
                .skip("container", &SourceError::Request("has no id".to_owned()));
            return Ok(());
        };
        self.resolve_digest(&answer, &mut workload).await;
        self.link.seen(workload);
        Ok(())
    }

    /// The digest in the registry if the image has one, else the image's own id.
    async fn resolve_digest(&mut self, answer: &Value, workload: &mut Workload) {
        let mut image = json::text(answer, "/Image");
        if self.link.runtime == RuntimeKind::Podman {
            image = image.trim_start_matches("sha256:").to_owned();
            let name = json::text(answer, "/ImageName");
            if !name.is_empty() {
                workload.image = name;
            }
        }
        if image.is_empty() || !is_plain(image.trim_start_matches("sha256:")) {
            return;
        }
        if !self.digests.contains_key(&image) {
            let details = self.http.get(&format!("{API}/images/{image}/json")).await;
            let digests = details
                .map(|d| json::texts(&d, "/RepoDigests"))
                .unwrap_or_default();
            let digest = digests
                .iter()
                .find_map(|d| Some(d.split_once('@')?.1.to_owned()));
            let own = format!("sha256:{}", image.trim_start_matches("sha256:"));
            if self.digests.len() >= MAX_IMAGES {
                self.digests.clear();
            }
            self.digests.insert(image.clone(), digest.unwrap_or(own));
        }
        if let Some(digest) = self.digests.get(&image) {
            workload.image_digest.clone_from(digest);
        }
    }

    async fn take(&mut self, event: &Value) -> Result<(), SourceError> {
        let attribute = |name: &str| json::text(event, &format!("/Actor/Attributes/{name}"));
        let action = json::text(event, "/Action");
        if json::text(event, "/Type") == "network" {
            let id = attribute("container");
            return if id.is_empty() {
                Ok(())
            } else {
                self.inspect(&id).await
            };
        }
        let id = json::text(event, "/Actor/ID");
        match action.as_str() {
            "die" | "died" | "destroy" | "remove" => {
                // A container that is only created has no exit code; then nobody was told of it.
                let codes = ["exitCode", "containerExitCode"].map(attribute);
                let code = codes.iter().find_map(|c| c.parse().ok());
                self.listed.remove(&id);
                self.link
                    .gone(&id, at(event), code.unwrap_or(crate::EXIT_UNKNOWN));
                Ok(())
            }
            "create" | "init" | "start" | "restart" | "rename" | "update" => {
                self.inspect(&id).await
            }
            _ => Ok(()),
        }
    }
}

fn at(event: &Value) -> Timestamp {
    let nanos = time::nanos(json::int(event, "/timeNano"));
    if nanos.is_known() {
        nanos
    } else {
        Timestamp::from_ms(json::int(event, "/time") * 1000)
    }
}

/// What may stand in a request's path as it is.
fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 128
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}
