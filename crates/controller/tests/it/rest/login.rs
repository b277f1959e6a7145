//! Signing in, passwords, lockout, sessions, API keys.

use super::{Api, PASSWORD, has, sign_in};
use crate::world::{HOUR, MINUTE};
use rampart_controller::auth::{Auth, AuthConfig, Bootstrap, Role};
use serde_json::json;

#[tokio::test]
async fn the_one_time_password_must_be_changed_first() {
    let world = crate::world::World::new().await;
    let open = async || {
        let config = AuthConfig {
            bootstrap_password: None,
        };
        Auth::open(world.store.clone(), world.clock.clone(), config)
            .await
            .unwrap()
    };
    let (_, Bootstrap::Generated(lost)) = open().await else {
        panic!("no password was made")
    };
    // A restart before anybody used it makes a new one.
    let (_, Bootstrap::Generated(first)) = open().await else {
        panic!("no password was made")
    };
    assert_ne!(lost, first);
    let config = AuthConfig {
        bootstrap_password: Some(first.clone()),
    };
    let (auth, bootstrap) = Auth::open(world.store.clone(), world.clock.clone(), config)
        .await
        .unwrap();
    assert_eq!(bootstrap, Bootstrap::Given);
    drop(auth);

    let api = Api::over(world).await;
    // `over` opened it once more; its own first sign-in used the password of that start.
    let client = api.client();
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("admin", &first, None))
            .await
            .code(),
        (401, 3)
    );
    let again = api.world.again().await;
    let config = AuthConfig {
        bootstrap_password: None,
    };
    let (_, bootstrap) = Auth::open(again.store, again.clock, config).await.unwrap();
    assert_eq!(bootstrap, Bootstrap::Kept);
}

#[tokio::test]
async fn a_given_password_works_at_once_and_stays() {
    let world = crate::world::World::new().await;
    let open = async |given: Option<&str>| {
        let config = AuthConfig {
            bootstrap_password: given.map(str::to_owned),
        };
        Auth::open(world.store.clone(), world.clock.clone(), config).await
    };
    assert!(open(Some("weak")).await.is_err());
    let (_, bootstrap) = open(Some("Automation-1")).await.unwrap();
    assert_eq!(bootstrap, Bootstrap::Given);
    let (auth, _) = open(Some("Automation-1")).await.unwrap();
    let login = rampart_controller::auth::Login {
        user: "admin",
        password: "Automation-1",
        new_password: None,
        address: "::1",
    };
    assert!(matches!(
        auth.login(login).await.unwrap(),
        rampart_controller::auth::LoginOutcome::SignedIn(_)
    ));
    let (_, bootstrap) = open(None).await.unwrap();
    assert_eq!(
        bootstrap,
        Bootstrap::Kept,
        "a start does not take away a password in use"
    );
}

#[tokio::test]
async fn a_forced_reset_gives_no_session_until_there_is_a_new_password() {
    let api = Api::new().await;
    api.user("eve", Role::Reader, &[]).await;
    let body = json!({"config": {"fullname": "eve", "force_reset_password": true, "new_password": "Temporary-1", "reset_password_in_next_login": true}});
    api.admin.post("/v1/user/eve/password", &body).await.ok();

    let client = api.client();
    let reply = client
        .post("/v1/auth", &sign_in("eve", "Temporary-1", None))
        .await
        .ok();
    assert_eq!(
        (&reply["token"], &reply["need_to_reset_password"]),
        (&json!(null), &json!(true))
    );
    let weak = client
        .post("/v1/auth", &sign_in("eve", "Temporary-1", Some("short")))
        .await;
    assert_eq!(weak.code(), (400, 14));
    assert_eq!(weak.json()["password_profile_basic"]["min_len"], 8);
    let same = client
        .post(
            "/v1/auth",
            &sign_in("eve", "Temporary-1", Some("Temporary-1")),
        )
        .await;
    assert_eq!(same.code(), (400, 14));
    let reply = client
        .post(
            "/v1/auth",
            &sign_in("eve", "Temporary-1", Some("Permanent-1")),
        )
        .await
        .ok();
    for field in [
        "token.token",
        "token.global_permissions.0.id",
        "token.role",
        "token.timeout",
        "token.fullname",
        "password_days_until_expire",
        "password_hours_until_expire",
    ] {
        has(&reply, field);
    }
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("eve", "Permanent-1", None))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn five_failures_block_a_user_for_an_hour() {
    let api = Api::new().await;
    api.user("eve", Role::Reader, &[]).await;
    let client = api.client();
    for _ in 0..4 {
        assert_eq!(
            client
                .post("/v1/auth", &sign_in("eve", "wrong", None))
                .await
                .code(),
            (401, 3)
        );
    }
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("eve", "wrong", None))
            .await
            .code(),
        (401, 47)
    );
    // The right password does not help now, and a name nobody has behaves alike.
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("eve", PASSWORD, None))
            .await
            .code(),
        (401, 47)
    );
    for _ in 0..4 {
        assert_eq!(
            client
                .post("/v1/auth", &sign_in("nobody", "wrong", None))
                .await
                .code(),
            (401, 3)
        );
    }
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("nobody", "wrong", None))
            .await
            .code(),
        (401, 47)
    );
    let user = api.admin.get("/v1/user/eve").await.ok();
    assert_eq!(user["user"]["blocked_for_failed_login"], true);

    // A restart forgets nothing.
    let config = AuthConfig {
        bootstrap_password: None,
    };
    let (restarted, _) = Auth::open(api.world.store.clone(), api.world.clock.clone(), config)
        .await
        .unwrap();
    assert!(restarted.is_blocked("eve"));

    api.world.clock.advance(59 * MINUTE);
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("eve", PASSWORD, None))
            .await
            .code(),
        (401, 47)
    );
    api.world.clock.advance(2 * MINUTE);
    client
        .post("/v1/auth", &sign_in("eve", PASSWORD, None))
        .await
        .ok();
    let names = api.world.event_names().await;
    assert_eq!(
        names.iter().filter(|n| *n == "User.Login.Blocked").count(),
        2
    );
    assert_eq!(
        names.iter().filter(|n| *n == "User.Login.Failed").count(),
        8
    );
}

#[tokio::test]
async fn a_name_nobody_has_costs_as_much_as_one_somebody_has() {
    let api = Api::new().await;
    for name in ["admin", "nobody", "no such name\u{1b}[31m", ""] {
        let before = api.auth.hashes();
        assert_eq!(
            api.client()
                .post("/v1/auth", &sign_in(name, "wrong", None))
                .await
                .code(),
            (401, 3)
        );
        assert_eq!(api.auth.hashes() - before, 1, "{name}");
    }
}

#[tokio::test]
async fn an_administrator_unblocks() {
    let api = Api::new().await;
    api.user("eve", Role::Reader, &[]).await;
    let client = api.client();
    for _ in 0..5 {
        client
            .post("/v1/auth", &sign_in("eve", "wrong", None))
            .await;
    }
    let body = json!({"config": {"fullname": "eve", "clear_failed_login": true}});
    api.admin.post("/v1/user/eve/password", &body).await.ok();
    client
        .post("/v1/auth", &sign_in("eve", PASSWORD, None))
        .await
        .ok();
}

#[tokio::test]
async fn sessions_end_when_idle_when_old_and_when_left() {
    let api = Api::new().await;
    let idle = api.user("idle", Role::Reader, &[]).await;
    assert_eq!(idle.get("/v1/selfuser").await.status, 200);
    api.world.clock.advance(299_000);
    assert_eq!(
        idle.patch("/v1/auth", &json!(null)).await.status,
        200,
        "a refresh keeps it alive"
    );
    api.world.clock.advance(299_000);
    assert_eq!(idle.get("/v1/selfuser").await.status, 200);
    api.world.clock.advance(301_000);
    assert_eq!(idle.get("/v1/selfuser").await.code(), (401, 3));

    let old = api.user("old", Role::Reader, &[]).await;
    for _ in 0..72 {
        api.world.clock.advance(5 * MINUTE - 1000);
        assert_eq!(old.get("/v1/selfuser").await.status, 200);
    }
    api.world.clock.advance(73_000);
    assert_eq!(
        old.get("/v1/selfuser").await.code(),
        (401, 3),
        "six hours are the most"
    );

    let left = api.user("left", Role::Reader, &[]).await;
    assert_eq!(left.delete("/v1/auth").await.status, 200);
    assert_eq!(left.get("/v1/selfuser").await.code(), (401, 3));
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let api = Api::new().await;
    let token = api.admin.token.clone();
    let api = Api::over(api.stop().await).await;
    let mut client = api.client();
    client.token = token;
    assert_eq!(
        client.get("/v1/selfuser").await.ok()["user"]["fullname"],
        "admin"
    );
}

#[tokio::test]
async fn a_user_has_thirty_two_sessions_at_the_most() {
    let api = Api::new().await;
    api.user("busy", Role::Reader, &[]).await;
    let client = api.client();
    for _ in 0..31 {
        client
            .post("/v1/auth", &sign_in("busy", PASSWORD, None))
            .await
            .ok();
    }
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("busy", PASSWORD, None))
            .await
            .code(),
        (403, 5)
    );
    api.world.clock.advance(HOUR);
    client
        .post("/v1/auth", &sign_in("busy", PASSWORD, None))
        .await
        .ok();
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let api = Api::new().await;
    let first = api.user("eve", Role::Reader, &[]).await;
    let mut second = api.client();
    second.token = second
        .post("/v1/auth", &sign_in("eve", PASSWORD, None))
        .await
        .token();
    let change = |old: &str| json!({"config": {"fullname": "eve", "password": old, "new_password": "Another-One-2"}});
    assert_eq!(
        first.patch("/v1/user/eve", &change("wrong")).await.code(),
        (400, 4)
    );
    first.patch("/v1/user/eve", &change(PASSWORD)).await.ok();
    assert_eq!(first.get("/v1/selfuser").await.status, 200);
    assert_eq!(second.get("/v1/selfuser").await.code(), (401, 3));
    assert_eq!(
        first
            .patch("/v1/user/eve", &json!({"config": {"role": "admin"}}))
            .await
            .code(),
        (403, 25)
    );
    assert_eq!(
        first
            .patch(
                "/v1/user/admin",
                &json!({"config": {"email": "x@example.org"}})
            )
            .await
            .code(),
        (403, 25)
    );
}

#[tokio::test]
async fn a_role_change_holds_at_once() {
    let api = Api::new().await;
    let eve = api.user("eve", Role::Reader, &[]).await;
    let body = json!({"config": {"comment": "x", "name": "g1", "criteria": []}});
    assert_eq!(eve.post("/v1/group", &body).await.code(), (403, 25));
    api.admin
        .patch(
            "/v1/user/eve",
            &json!({"config": {"fullname": "eve", "role": "admin"}}),
        )
        .await
        .ok();
    assert_ne!(eve.post("/v1/group", &body).await.status, 403);
    api.admin.delete("/v1/user/eve").await.ok();
    assert_eq!(eve.get("/v1/selfuser").await.code(), (401, 3));
    assert_eq!(api.admin.delete("/v1/user/admin").await.code(), (400, 4));
}

#[tokio::test]
async fn an_expired_password_asks_for_a_new_one() {
    let api = Api::new().await;
    api.user("eve", Role::Reader, &[]).await;
    let body = json!({"config": {"name": "default", "enable_password_expiration": true, "password_expire_after_days": 30}});
    api.admin
        .patch("/v1/password_profile/default", &body)
        .await
        .ok();
    let client = api.client();
    let reply = client
        .post("/v1/auth", &sign_in("eve", PASSWORD, None))
        .await
        .ok();
    assert_eq!(reply["password_days_until_expire"], 30);
    api.world.clock.advance(31 * 24 * HOUR);
    assert_eq!(
        client
            .post("/v1/auth", &sign_in("eve", PASSWORD, None))
            .await
            .code(),
        (401, 48)
    );
    client
        .post(
            "/v1/auth",
            &sign_in("eve", PASSWORD, Some("Spring-Clean-3")),
        )
        .await
        .ok();
}

#[tokio::test]
async fn api_keys_work_until_they_end() {
    let api = Api::new().await;
    let body =
        json!({"apikey": {"apikey_name": "ci", "expiration_type": "onehour", "role": "reader"}});
    let made = api.admin.post("/v1/api_key", &body).await.ok();
    let secret = made["apikey"]["apikey_secret"].as_str().unwrap();
    let mut program = api.client();
    program.key = format!("ci:{secret}");
    assert_eq!(
        program.get("/v1/selfapikey").await.ok()["apikey"]["apikey_name"],
        "ci"
    );
    assert_eq!(program.get("/v1/workload").await.status, 200);
    let group = json!({"config": {"name": "g1"}});
    assert_eq!(program.post("/v1/group", &group).await.code(), (403, 25));
    assert_eq!(api.admin.post("/v1/api_key", &body).await.code(), (400, 13));
    let mut guess = api.client();
    guess.key = "ci:guess".to_owned();
    assert_eq!(guess.get("/v1/workload").await.code(), (401, 3));
    api.world.clock.advance(HOUR + 1);
    assert_eq!(program.get("/v1/workload").await.code(), (401, 3));
}

#[tokio::test]
async fn nothing_kept_shows_a_secret() {
    let api = Api::new().await;
    let body = json!({"user": {"fullname": "eve", "password": "Sup3r-Secret", "role": "reader"}});
    api.admin.post("/v1/user", &body).await.ok();
    for record in api.world.records().await {
        let text = format!("{record:?}");
        for secret in ["Sup3r-Secret", PASSWORD, api.admin.token.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let listing = api.world.store.list("").await.unwrap();
    for entry in listing.entries {
        let text = format!("{} {}", entry.key, String::from_utf8_lossy(&entry.value));
        for secret in ["Sup3r-Secret", PASSWORD, api.admin.token.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
