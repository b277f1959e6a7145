//! `GET /v1/live`: changes as server-sent events, so that a console need not ask again and again.
//!
//! Limits: [`MAX_STREAMS`] streams; a reader that falls behind is told to fetch everything; a
//! stream ends within [`HEARTBEAT`] after its session does, and does not keep the session alive.

use super::{
    Rest,
    call::{Ask, Who},
    error::Failure,
};
use crate::{app::Live, auth::Permission};
use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use rampart_api::{error::ErrorKind, rest::live::LiveEvent};
use std::{convert::Infallible, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

pub(super) const MAX_STREAMS: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn stream(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Result<Response, Failure> {
    let place = rest.0.streams.clone().try_acquire_owned().map_err(|_| {
        Failure::new(
            ErrorKind::TooManyRequests,
            format!("there are {MAX_STREAMS} live streams already"),
        )
    })?;
    let kinds = query.other("kind").filter(|k| !k.is_empty());
    let kinds = kinds.map(|kinds| kinds.split('|').map(str::to_owned).collect());
    let changes = rest.app().subscribe();
    let reader = Reader {
        rest,
        who,
        kinds,
        changes,
        greeted: false,
        _place: place,
    };
    let events = futures::stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).into_response())
}

struct Reader {
    rest: Rest,
    who: Who,
    /// Asked for; `None` is every kind.
    kinds: Option<Vec<String>>,
    changes: broadcast::Receiver<Live>,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event, or the end.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            // At once, so that the reader knows it is connected.
            self.greeted = true;
            return Some(Event::default().comment("rampart"));
        }
        loop {
            let stopping = self.rest.0.stopping.clone();
            tokio::select! {
                () = stopping.cancelled() => return None,
                change = self.changes.recv() => match change {
                    Ok(live) => if let Some(event) = self.visible(&live) {
                        return Some(wire(event));
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        return Some(wire(LiveEvent { kind: "resync".to_owned(), id: String::new() }));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(HEARTBEAT) => {
                    if !self.rest.auth().still_valid(&self.who.0) {
                        return None;
                    }
                    return Some(Event::default().comment("beat"));
                }
            }
            if !self.rest.auth().still_valid(&self.who.0) {
                return None;
            }
        }
    }

    /// A change as this caller may know of it. With single domains, things of others are not
    /// mentioned, and what belongs to no domain has no id.
    fn visible(&self, live: &Live) -> Option<LiveEvent> {
        if self
            .kinds
            .as_ref()
            .is_some_and(|kinds| !kinds.iter().any(|kind| kind == live.kind))
        {
            return None;
        }
        let event = |id: &str| {
            Some(LiveEvent {
                kind: live.kind.to_owned(),
                id: id.to_owned(),
            })
        };
        if self.who.sees_all(Permission::RtPolicy) {
            return event(&live.id);
        }
        let app = self.rest.app();
        let domain = match live.kind {
            "workload" => app
                .workload(&live.id)
                .ok()
                .map(|v| v.workload.domain.clone()),
            "group" => app.group(&live.id).ok().map(|v| v.group.domain.clone()),
            "node" | "system" => return None,
            _ => return event(""),
        };
        domain
            .filter(|domain| self.who.sees(Permission::RtPolicy, domain))
            .and_then(|_| event(&live.id))
    }
}

fn wire(event: LiveEvent) -> Event {
    let data = serde_json::to_string(&event).unwrap_or_default();
    Event::default().event(event.kind).data(data)
}
