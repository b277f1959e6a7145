//! Images from a registry that works, refuses, slows down, breaks off or lies.

use crate::{
    build::{ImageBuilder, TWO_LAYERS, Tar, debian, packages, two_layers},
    server::{Auth, Content, Faults, PASSWORD, Server, USER},
};
use rampart_scanner::{
    digest::sha256,
    image::Platform,
    registry::{Client, Credentials, Environment, Login, RegistryError, Settings},
    scan::{self, Inspected, Options, Silent, chain},
    source,
    stop::Stop,
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

struct Puller {
    runtime: Runtime,
    client: Arc<Client>,
}

fn puller_until(settings: Settings, stop: Stop) -> Puller {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    Puller {
        runtime,
        client: Arc::new(Client::new(settings, stop).unwrap()),
    }
}

fn puller(settings: Settings) -> Puller {
    puller_until(settings, Stop::never())
}

impl Puller {
    fn scan(&self, name: &str, platform: Option<&str>) -> Result<Inspected, String> {
        let platform: Option<Platform> = platform.map(|text| text.parse().unwrap());
        let reference = name.parse().unwrap();
        let client = Arc::clone(&self.client);
        let source =
            source::registry::open(client, self.runtime.handle(), &reference, platform.as_ref())
                .map_err(|error| chain(&error))?;
        scan::inspect(source, &Options::default(), &Silent).map_err(|error| chain(&error))
    }
}

fn content(auth: Auth) -> Content {
    let mut content = Content {
        auth,
        ..Content::default()
    };
    content.add("shop/web", "1.4", &two_layers());
    content
}

fn alice() -> Credentials {
    Credentials::given(Login::Password {
        username: USER.into(),
        password: PASSWORD.into(),
    })
}

#[test]
fn anonymous_over_http_on_this_machine() {
    let server = Server::plain(content(Auth::None), Faults::default());
    let found = puller(Settings::default())
        .scan(&server.name("shop/web:1.4"), None)
        .unwrap();
    assert_eq!(packages(&found), TWO_LAYERS);
    let target = &found.report.target;
    assert_eq!(
        (target.repository.as_str(), target.tag.as_str()),
        ("shop/web", "1.4")
    );
    assert_eq!(target.digest, sha256(&two_layers().manifest()));
    assert_eq!(target.image_id, sha256(&two_layers().config()));
    let by_digest = puller(Settings::default())
        .scan(&server.name(&format!("shop/web@{}", target.digest)), None);
    assert_eq!(packages(&by_digest.unwrap()), TWO_LAYERS);
}

#[test]
fn tls_is_checked() {
    let server = Server::tls(content(Auth::None), Faults::default());
    let name = server.name("shop/web:1.4");
    let trusted = Settings {
        authorities: vec![server.authority.clone()],
        ..Settings::default()
    };
    assert_eq!(
        packages(&puller(trusted).scan(&name, None).unwrap()),
        TWO_LAYERS
    );
    let insecure = Settings {
        insecure: true,
        ..Settings::default()
    };
    assert_eq!(
        packages(&puller(insecure).scan(&name, None).unwrap()),
        TWO_LAYERS
    );
    let error = puller(Settings::default()).scan(&name, None).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn logins() {
    let mut kept = Credentials::default();
    let basic = Server::plain(content(Auth::Basic), Faults::default());
    let bearer = Server::plain(
        content(Auth::Bearer { anonymous: false }),
        Faults::default(),
    );
    let open = Server::plain(content(Auth::Bearer { anonymous: true }), Faults::default());
    let config = json!({"auths": {
        basic.address.to_string(): {"username": USER, "password": PASSWORD},
        bearer.address.to_string(): {"identitytoken": "refresh-me"},
    }});
    assert!(kept.add_config(config.to_string().as_bytes()));
    let cases = [
        ("basic, given", &basic, alice(), true),
        ("basic, kept", &basic, kept.clone(), true),
        ("basic, none", &basic, Credentials::default(), false),
        ("bearer, given", &bearer, alice(), true),
        ("bearer, kept refresh token", &bearer, kept, true),
        ("bearer, none", &bearer, Credentials::default(), false),
        (
            "bearer, wrong",
            &bearer,
            Credentials::given(Login::Password {
                username: "x".into(),
                password: "y".into(),
            }),
            false,
        ),
        ("bearer, anonymous", &open, Credentials::default(), true),
    ];
    for (what, server, credentials, expected) in cases {
        let outcome = puller(Settings {
            credentials,
            ..Settings::default()
        })
        .scan(&server.name("shop/web:1.4"), None);
        match outcome {
            Ok(found) => assert!(expected && packages(&found) == TWO_LAYERS, "{what}"),
            Err(error) => assert!(
                !expected && error.contains("refuses access"),
                "{what}: {error}"
            ),
        }
    }
    // One token serves the manifest, the configuration and every layer.
    let tokens = open
        .seen()
        .iter()
        .filter(|seen| seen.path == "/token")
        .count();
    assert_eq!(tokens, 1);
    let asked = open
        .seen()
        .into_iter()
        .find(|seen| seen.path == "/token")
        .unwrap()
        .query;
    assert!(
        asked.contains("scope=repository%3Ashop%2Fweb%3Apull") && asked.contains("service=here"),
        "{asked}"
    );
}

#[test]
fn login_helper() {
    let server = Server::plain(content(Auth::Basic), Faults::default());
    let mut credentials = Credentials::default();
    let config = json!({"credHelpers": {server.address.to_string(): "no-such-helper"}});
    assert!(credentials.add_config(config.to_string().as_bytes()));
    let error = puller(Settings {
        credentials,
        ..Settings::default()
    })
    .scan(&server.name("shop/web:1.4"), None)
    .unwrap_err();
    assert!(
        error.contains("docker-credential-no-such-helper"),
        "{error}"
    );
}

#[test]
fn rate_limits_are_waited_for() {
    let faults = Faults {
        too_many: 2,
        retry_after: "1".into(),
        ..Faults::default()
    };
    let server = Server::plain(content(Auth::None), faults);
    let started = Instant::now();
    let settings = || Settings {
        plain_http: true,
        ..Settings::default()
    };
    assert_eq!(
        packages(
            &puller(settings())
                .scan(&server.name("shop/web:1.4"), None)
                .unwrap()
        ),
        TWO_LAYERS
    );
    assert!(started.elapsed() >= Duration::from_secs(2));
    // A pause longer than the scan may take is no pause.
    let faults = Faults {
        too_many: 100,
        retry_after: "60".into(),
        ..Faults::default()
    };
    let server = Server::plain(content(Auth::None), faults);
    let started = Instant::now();
    let hurried = puller_until(settings(), Stop::after(Duration::from_secs(20)));
    let error = hurried
        .scan(&server.name("shop/web:1.4"), None)
        .unwrap_err();
    assert!(
        error.contains("slow down") && error.contains("pull rate limit"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn passing_server_errors_are_passed() {
    let server = Server::plain(
        content(Auth::None),
        Faults {
            server_errors: 3,
            ..Faults::default()
        },
    );
    let settings = Settings {
        plain_http: true,
        ..Settings::default()
    };
    assert_eq!(
        packages(
            &puller(settings)
                .scan(&server.name("shop/web:1.4"), None)
                .unwrap()
        ),
        TWO_LAYERS
    );
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..bytes).map(next).collect()
}

/// A layer large enough that a third of it leaves the server before the connection breaks.
fn large() -> (ImageBuilder, String, usize) {
    let layer = debian(&[("bash", "1")])
        .file("noise", noise(3_000_000))
        .end();
    let image = ImageBuilder::new().gz(layer);
    let blob = image.descriptors()[0].clone();
    (image, blob.digest, blob.size as usize)
}

#[test]
fn cut_connections_go_on_where_they_broke() {
    let (image, digest, size) = large();
    let mut content = Content::default();
    content.add("big", "1", &image);
    let server = Server::plain(
        content,
        Faults {
            cuts: 3,
            ..Faults::default()
        },
    );
    let settings = Settings {
        plain_http: true,
        ..Settings::default()
    };
    let found = puller(settings).scan(&server.name("big:1"), None).unwrap();
    assert_eq!(packages(&found), ["bash 1 [0]"]);
    assert_eq!(found.report.problems, []);
    let ranges: Vec<usize> = server
        .seen()
        .iter()
        .filter(|seen| seen.path.ends_with(&digest))
        .map(|seen| {
            seen.range
                .strip_prefix("bytes=")
                .map_or(0, |r| r.trim_end_matches('-').parse().unwrap())
        })
        .collect();
    assert_eq!(ranges.len(), 4, "{ranges:?}");
    assert!(
        ranges[0] == 0 && ranges.is_sorted() && ranges[3] > size / 2,
        "{ranges:?} of {size}"
    );
}

#[test]
fn a_registry_without_ranges_starts_over() {
    let (image, digest, _) = large();
    let mut content = Content::default();
    content.add("big", "1", &image);
    let server = Server::plain(
        content,
        Faults {
            cuts: 1,
            no_ranges: true,
            ..Faults::default()
        },
    );
    let settings = Settings {
        plain_http: true,
        ..Settings::default()
    };
    let found = puller(settings).scan(&server.name("big:1"), None).unwrap();
    assert_eq!(
        (packages(&found), found.report.problems),
        (vec!["bash 1 [0]".to_owned()], vec![])
    );
    assert_eq!(
        server
            .seen()
            .iter()
            .filter(|seen| seen.path.ends_with(&digest))
            .count(),
        2
    );
}

#[test]
fn wrong_digests_are_no_report() {
    let settings = || Settings {
        plain_http: true,
        ..Settings::default()
    };
    let layers = Server::plain(
        content(Auth::None),
        Faults {
            wrong_layers: true,
            ..Faults::default()
        },
    );
    let error = puller(settings())
        .scan(&layers.name("shop/web:1.4"), None)
        .unwrap_err();
    assert!(error.contains("is not what its digest sha256:"), "{error}");
    let manifest = Server::plain(
        content(Auth::None),
        Faults {
            wrong_manifest_digest: true,
            ..Faults::default()
        },
    );
    let error = puller(settings())
        .scan(&manifest.name("shop/web:1.4"), None)
        .unwrap_err();
    assert!(error.contains("is not what its digest names"), "{error}");
}

#[test]
fn manifest_lists_and_platforms() {
    let mut content = content(Auth::None);
    let arm = ImageBuilder {
        arch: "arm64".into(),
        ..ImageBuilder::new()
    }
    .gz(debian(&[("bash", "arm")]).end());
    content.add("shop/web", "arm", &arm);
    let entry = |image: &ImageBuilder, arch: &str| {
        let bytes = image.manifest();
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": sha256(&bytes),
            "size": bytes.len(), "platform": {"os": "linux", "architecture": arch}})
    };
    let list = json!({"schemaVersion": 2, "manifests": [entry(&two_layers(), "amd64"), entry(&arm, "arm64")]});
    content.add_document("shop/web", "multi", list.to_string().as_bytes());
    let server = Server::plain(content, Faults::default());
    let puller = puller(Settings {
        plain_http: true,
        ..Settings::default()
    });
    let name = server.name("shop/web:multi");
    assert_eq!(
        packages(&puller.scan(&name, Some("linux/arm64")).unwrap()),
        ["bash arm [0]"]
    );
    assert_eq!(
        packages(&puller.scan(&name, Some("linux/amd64")).unwrap()),
        TWO_LAYERS
    );
    let error = puller.scan(&name, Some("linux/ppc64le")).unwrap_err();
    assert!(error.contains("linux/amd64, linux/arm64"), "{error}");
}

#[test]
fn what_is_not_there() {
    let server = Server::plain(content(Auth::None), Faults::default());
    let error = puller(Settings::default())
        .scan(&server.name("shop/web:2"), None)
        .unwrap_err();
    assert!(error.contains("shop/web:2 is not in"), "{error}");
    let address = server.address;
    drop(server);
    let error = puller(Settings::default())
        .scan(&format!("{address}/shop/web:2"), None)
        .unwrap_err();
    assert!(error.contains("no answer"), "{error}");
}

#[test]
fn mirrors_come_first_and_may_fail() {
    let mirror = Server::plain(content(Auth::None), Faults::default());
    let empty = Server::plain(Content::default(), Faults::default());
    let origin = format!("http://{}", mirror.address);
    let list = vec![
        "http://127.0.0.1:1".to_owned(),
        format!("http://{}", empty.address),
        origin,
    ];
    let mirrors = HashMap::from([("registry.invalid".to_owned(), list)]);
    let found = puller(Settings {
        mirrors,
        ..Settings::default()
    })
    .scan("registry.invalid/shop/web:1.4", None)
    .unwrap();
    assert_eq!(packages(&found), TWO_LAYERS);
    assert_eq!(found.report.target.registry, "registry.invalid");
    assert_eq!(empty.seen().len(), 1);
}

#[test]
fn catalog_tags_and_referrers_by_pages() {
    let mut content = content(Auth::Bearer { anonymous: true });
    for repository in ["a", "b", "c", "d/e"] {
        content.add(repository, "1", &two_layers());
    }
    for tag in ["1.5", "1.6", "latest"] {
        content.add("shop/web", tag, &two_layers());
    }
    let subject = sha256(&two_layers().manifest());
    let index = json!({"schemaVersion": 2, "manifests": [
        {"digest": sha256(b"s"), "size": 1, "artifactType": "application/spdx+json"},
        {"digest": sha256(b"t"), "size": 1, "artifactType": "application/other"},
    ]});
    content.add_document(
        "shop/web",
        &subject.replace(':', "-"),
        index.to_string().as_bytes(),
    );
    for no_referrers in [false, true] {
        let copy = Content {
            auth: content.auth.clone(),
            blobs: content.blobs.clone(),
            manifests: content.manifests.clone(),
            tags: content.tags.clone(),
            layers: content.layers.clone(),
            other: HashMap::new(),
        };
        let server = Server::plain(
            copy,
            Faults {
                no_referrers,
                ..Faults::default()
            },
        );
        let puller = puller(Settings {
            plain_http: true,
            ..Settings::default()
        });
        let host = server.address.to_string();
        let client = &puller.client;
        let reference = server.name("shop/web:1.4").parse().unwrap();
        puller.runtime.block_on(async {
            assert_eq!(
                client.catalog(&host).await.unwrap(),
                ["a", "b", "c", "d/e", "shop/web"]
            );
            assert_eq!(
                client.tags(&host, "shop/web").await.unwrap(),
                ["1.4", "1.5", "1.6", "latest"]
            );
            assert!(matches!(
                client.tags(&host, "none").await,
                Err(RegistryError::NotFound { .. })
            ));
            let found = client
                .referrers(&reference, &subject, Some("application/spdx+json"))
                .await
                .unwrap();
            assert_eq!(
                found.iter().map(|d| d.digest.clone()).collect::<Vec<_>>(),
                [sha256(b"s")]
            );
            assert_eq!(
                client
                    .referrers(&reference, &sha256(b"none"), None)
                    .await
                    .unwrap(),
                []
            );
        });
    }
}

/// A registry of a cloud, its token service and its machine's metadata, all played by one server.
#[test]
fn token_exchanges_of_the_clouds() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let aws = json!({"authorizationData": [{"authorizationToken": encoded}]});
    let google = json!({"access_token": "ya29"});
    let other = HashMap::from([
        ("/".to_owned(), aws.to_string().into_bytes()),
        (
            "/computeMetadata/v1/instance/service-accounts/default/token".to_owned(),
            google.to_string().into_bytes(),
        ),
        (
            "/metadata/identity/oauth2/token".to_owned(),
            json!({"access_token": "aad"}).to_string().into_bytes(),
        ),
        (
            "/oauth2/exchange".to_owned(),
            json!({"refresh_token": "refresh-me"})
                .to_string()
                .into_bytes(),
        ),
    ]);
    let cases = [
        ("1.dkr.ecr.eu-west-1.amazonaws.com", Auth::Basic, "/", true),
        (
            "europe-docker.pkg.dev",
            Auth::Bearer { anonymous: true },
            "/computeMetadata/v1/instance/service-accounts/default/token",
            true,
        ),
        (
            "shop.azurecr.io",
            Auth::Bearer { anonymous: false },
            "/oauth2/exchange",
            true,
        ),
        ("registry.invalid", Auth::Basic, "/", false),
    ];
    for (host, auth, asked, expected) in cases {
        let server = Server::plain(
            Content {
                other: other.clone(),
                ..content(auth)
            },
            Faults::default(),
        );
        let origin = format!("http://{}", server.address);
        let environment = HashMap::from([
            ("AWS_ACCESS_KEY_ID".to_owned(), "AKID".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned()),
            ("AWS_ENDPOINT_URL_ECR".to_owned(), origin.clone()),
            ("GCE_METADATA_HOST".to_owned(), server.address.to_string()),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST".to_owned(), origin),
        ]);
        let settings = Settings {
            plain_http: true,
            environment: Environment(environment),
            resolve: vec![(host.to_owned(), server.address)],
            ..Settings::default()
        };
        let name = format!("{host}:{}/shop/web:1.4", server.address.port());
        let outcome = puller(settings).scan(&name, None);
        assert_eq!(outcome.is_ok(), expected, "{host}: {:?}", outcome.err());
        let seen = server.seen();
        assert_eq!(
            seen.iter().any(|seen| seen.path == asked),
            expected,
            "{host}"
        );
        if host.contains("amazonaws") {
            let call = seen.iter().find(|seen| seen.method == "POST").unwrap();
            assert!(
                call.authorization
                    .starts_with("AWS4-HMAC-SHA256 Credential=AKID/")
                    && call.body == "{}"
            );
        }
    }
}

/// A stopped scan does not wait for a slow registry.
#[test]
fn cancelled_while_it_waits() {
    let faults = Faults {
        too_many: 100,
        retry_after: "100".into(),
        ..Faults::default()
    };
    let server = Server::plain(content(Auth::None), faults);
    let stop = Stop::never();
    let puller = puller_until(
        Settings {
            plain_http: true,
            ..Settings::default()
        },
        stop.clone(),
    );
    let name = server.name("shop/web:1.4");
    std::thread::scope(|scope| {
        let scan = scope.spawn(|| puller.scan(&name, None));
        while server.seen().is_empty() {
            std::thread::yield_now();
        }
        stop.cancel();
        assert!(scan.join().unwrap().unwrap_err().contains("stopped"));
    });
}

#[test]
fn foreign_and_empty_layers() {
    let mut content = Content::default();
    content.add(
        "x",
        "1",
        &ImageBuilder::new()
            .gz(Tar::default().end())
            .plain(debian(&[("bash", "1")]).end()),
    );
    let server = Server::plain(content, Faults::default());
    let found = puller(Settings {
        plain_http: true,
        ..Settings::default()
    })
    .scan(&server.name("x:1"), None)
    .unwrap();
    assert_eq!(packages(&found), ["bash 1 [1]"]);
}
