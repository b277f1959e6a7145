//! The licence screen.

use super::{
    Rest,
    answer::{Answer, done},
    call::Body,
};
use axum::{Json, extract::State};
use rampart_api::rest::{
    Empty,
    eula::{Eula, EulaData},
};

pub(super) async fn show(State(rest): State<Rest>) -> Answer<EulaData> {
    let hint = "the one-time password is in the output of `rampart up`";
    let waiting = rest.auth().awaits_first_login();
    Ok(Json(EulaData {
        eula: Eula {
            accepted: rest.auth().eula_accepted(),
        },
        bootstrap_password_command: if waiting {
            hint.to_owned()
        } else {
            String::new()
        },
    }))
}

pub(super) async fn accept(State(rest): State<Rest>, Body(body): Body<EulaData>) -> Answer<Empty> {
    rest.auth().set_eula(body.eula.accepted).await?;
    done()
}
