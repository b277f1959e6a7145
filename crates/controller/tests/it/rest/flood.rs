//! Ten thousand wrong logins cost little and disturb nobody.

use super::{Api, PASSWORD, client, sign_in};
use hyper::Method;
use rampart_controller::auth::{Role, guard::ADDRESS_FAILURES};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const ATTEMPTS: usize = 10_000;
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_wrong_logins_are_bounded() {
    let api = Api::shop().await;
    let reader = api.user("rita", Role::Reader, &[]).await;
    let before = api.auth.hashes();
    let begun = Instant::now();
    let mut attackers = tokio::task::JoinSet::new();
    for n in 0..CLIENTS {
        let attacker = api.client();
        attackers.spawn(async move {
            let mut connection = attacker.connect().await;
            let mut codes = BTreeMap::<(u16, u64), usize>::new();
            for i in 0..ATTEMPTS / CLIENTS {
                // A third on one user, a third on the administrator, a third on names nobody has.
                let name = match i % 3 {
                    0 => "rita".to_owned(),
                    1 => "admin".to_owned(),
                    _ => format!("user{n}-{i}"),
                };
                let body = sign_in(&name, "Wrong-Horse-1", None).to_string();
                let request = attacker.request(Method::POST, "/v1/auth", body);
                let reply = client::ask(&mut connection, request).await;
                *codes.entry(reply.code()).or_default() += 1;
            }
            codes
        });
    }
    let mut slowest = Duration::ZERO;
    let mut codes = BTreeMap::<(u16, u64), usize>::new();
    let mut connection = reader.connect().await;
    loop {
        // Somebody who works meanwhile.
        let asked = Instant::now();
        let reply = client::ask(
            &mut connection,
            reader.request(Method::GET, "/v1/workload", ""),
        )
        .await;
        assert_eq!(reply.status, 200);
        slowest = slowest.max(asked.elapsed());
        match tokio::time::timeout(Duration::from_millis(20), attackers.join_next()).await {
            Ok(Some(done)) => done
                .unwrap()
                .into_iter()
                .for_each(|(code, n)| *codes.entry(code).or_default() += n),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    let (took, hashes) = (begun.elapsed(), api.auth.hashes() - before);
    println!(
        "{ATTEMPTS} wrong logins: {took:?}, {hashes} hashes, slowest request of another {slowest:?}, answers {codes:?}"
    );
    assert_eq!(codes.values().sum::<usize>(), ATTEMPTS / CLIENTS * CLIENTS);
    assert!(
        codes
            .keys()
            .all(|code| [(401, 3), (401, 47), (429, 5)].contains(code)),
        "{codes:?}"
    );
    // The budget of one address, and those already past the gate when it closed. The clock of
    // this test stands still, so there is only one window.
    assert!(
        hashes <= u64::from(ADDRESS_FAILURES) + 40,
        "{hashes} hashes"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // What is kept of it is bounded too.
    let failed = api
        .world
        .event_names()
        .await
        .iter()
        .filter(|n| n.starts_with("User.Login."))
        .count();
    assert!(failed <= 110, "{failed} records");
    api.world.clock.advance(61 * crate::world::MINUTE);
    api.client()
        .post("/v1/auth", &sign_in("rita", PASSWORD, None))
        .await
        .ok();
}
