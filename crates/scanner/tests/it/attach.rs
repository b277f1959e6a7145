//! SBOMs attached to an image in its registry: with and without the referrers API, refused,
//! broken off, twice; and read in place of the layers.

use crate::{
    build::{packages, two_layers},
    server::{Auth, Content, Faults, PASSWORD, Server, USER},
};
use rampart_scanner::{
    digest::sha256,
    registry::{
        Artifact, Attached, Client, Credentials, Login, Reference, RegistryError, Settings,
    },
    scan::{self, Options, chain},
    source::{
        self, Source,
        attached::{self, Attachment, CYCLONEDX, SPDX},
    },
    stop::Stop,
};
use serde_json::json;
use std::sync::Arc;
use tokio::runtime::Runtime;

const DOCUMENT: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","name":"left-pad","version":"1.3.0","purl":"pkg:npm/left-pad@1.3.0"}]}"#;

struct Shop {
    server: Server,
    runtime: Runtime,
    client: Arc<Client>,
    reference: Reference,
    subject: String,
}

fn shop(auth: Auth, faults: Faults, tls: bool) -> Shop {
    let mut content = Content {
        auth,
        ..Content::default()
    };
    content.add("shop/web", "1.4", &two_layers());
    let server = if tls {
        Server::tls(content, faults)
    } else {
        Server::plain(content, faults)
    };
    let settings = Settings {
        credentials: Credentials::given(Login::Password {
            username: USER.into(),
            password: PASSWORD.into(),
        }),
        authorities: match &server.authority[..] {
            [] => Vec::new(),
            pem => vec![pem.to_vec()],
        },
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    Shop {
        client: Arc::new(Client::new(settings, Stop::never()).unwrap()),
        reference: server.name("shop/web:1.4").parse().unwrap(),
        subject: sha256(&two_layers().manifest()),
        runtime,
        server,
    }
}

impl Shop {
    fn attach(&self, media_type: &str, content: &str) -> Result<Attached, RegistryError> {
        let artifact = Artifact {
            media_type,
            title: "sbom.cdx.json",
            content: content.as_bytes(),
            annotations: &[("org.opencontainers.image.created", "2026-01-02T03:04:05Z")],
        };
        let attached = self
            .client
            .attach(&self.reference, &self.subject, &artifact);
        self.runtime.block_on(attached)
    }

    fn source(&self) -> Box<source::Image> {
        let client = Arc::clone(&self.client);
        let handle = self.runtime.handle();
        match source::registry::open(client, handle, &self.reference, None) {
            Ok(Source::Image(image)) => image,
            _ => panic!("no image"),
        }
    }

    fn found(&self) -> Option<Attachment> {
        let image = self.source();
        attached::find(&self.client, self.runtime.handle(), &self.reference, &image).unwrap()
    }

    fn writes(&self) -> usize {
        let seen = self.server.seen();
        seen.iter()
            .filter(|seen| seen.method == "PUT" || seen.method == "POST")
            .count()
    }
}

#[test]
fn attached_once_however_often_with_and_without_the_api() {
    for no_referrers in [false, true] {
        let faults = Faults {
            no_referrers,
            ..Faults::default()
        };
        let shop = shop(Auth::None, faults, false);
        assert_eq!(shop.found(), None);
        let first = shop.attach(CYCLONEDX, DOCUMENT).unwrap();
        assert_eq!((first.known, first.by_tag), (false, no_referrers));
        let manifest = shop
            .server
            .pushed_manifest(&format!("shop/web:{}", first.digest));
        for (pointer, expected) in [
            ("/schemaVersion", json!(2)),
            (
                "/mediaType",
                json!("application/vnd.oci.image.manifest.v1+json"),
            ),
            ("/artifactType", json!(CYCLONEDX)),
            (
                "/config/mediaType",
                json!("application/vnd.oci.empty.v1+json"),
            ),
            ("/config/digest", json!(sha256(b"{}"))),
            ("/config/size", json!(2)),
            ("/layers/0/mediaType", json!(CYCLONEDX)),
            ("/layers/0/digest", json!(sha256(DOCUMENT.as_bytes()))),
            ("/layers/0/size", json!(DOCUMENT.len())),
            (
                "/layers/0/annotations/org.opencontainers.image.title",
                json!("sbom.cdx.json"),
            ),
            ("/subject/digest", json!(shop.subject)),
            ("/subject/size", json!(two_layers().manifest().len())),
            (
                "/annotations/org.opencontainers.image.created",
                json!("2026-01-02T03:04:05Z"),
            ),
        ] {
            assert_eq!(manifest.pointer(pointer), Some(&expected), "{pointer}");
        }
        let (pushed, writes) = (shop.server.pushed(), shop.writes());
        let again = shop.attach(CYCLONEDX, DOCUMENT).unwrap();
        assert_eq!((again.known, &again.digest), (true, &first.digest));
        assert_eq!(
            (shop.server.pushed(), shop.writes()),
            (pushed, writes),
            "nothing is sent twice"
        );
        // Another document lies beside the first.
        let other = shop.attach(SPDX, "{\"spdxVersion\":\"SPDX-2.3\"}").unwrap();
        let listed = shop
            .runtime
            .block_on(shop.client.referrers(&shop.reference, &shop.subject, None))
            .unwrap();
        let listed: Vec<&str> = listed.iter().map(|entry| entry.digest.as_str()).collect();
        assert_eq!(listed, [first.digest.as_str(), other.digest.as_str()]);
        let found = shop.found().unwrap();
        assert_eq!(
            (found.digest, found.media_type, found.document),
            (first.digest, CYCLONEDX.into(), DOCUMENT.as_bytes().to_vec())
        );
    }
}

#[test]
fn a_login_is_asked_for_the_right_to_push() {
    let bearer = Auth::Bearer { anonymous: false };
    for (auth, tls) in [
        (Auth::Basic, false),
        (bearer.clone(), false),
        (bearer, true),
    ] {
        let shop = shop(auth.clone(), Faults::default(), tls);
        assert!(!shop.attach(CYCLONEDX, DOCUMENT).unwrap().known);
        let found = shop.found().unwrap();
        assert_eq!(
            shop.server.pushed_blob(&sha256(DOCUMENT.as_bytes())),
            found.document
        );
        if auth != Auth::Basic {
            let asked = shop.server.seen();
            assert!(
                asked.iter().any(|seen| seen.path == "/token"
                    && seen.query.contains("repository%3Ashop%2Fweb%3Apull%2Cpush")),
                "{asked:?}"
            );
        }
    }
}

#[test]
fn a_push_that_is_refused_says_so_and_changes_nothing() {
    let refused = [
        (
            Auth::None,
            Faults {
                read_only: true,
                ..Faults::default()
            },
            "pushing is not for you",
        ),
        (
            Auth::Bearer { anonymous: true },
            Faults {
                no_push_tokens: true,
                ..Faults::default()
            },
            "authentication required",
        ),
    ];
    for (auth, faults, reason) in refused {
        let shop = shop(auth, faults, false);
        let error = shop.attach(CYCLONEDX, DOCUMENT).unwrap_err();
        assert!(
            matches!(&error, RegistryError::PushDenied { repository, .. } if repository == "shop/web"),
            "{error:?}"
        );
        let text = chain(&error);
        assert!(
            text.contains(reason) && text.contains("right to push"),
            "{text}"
        );
        assert_eq!(shop.server.pushed(), Vec::<String>::new());
    }
}

#[test]
fn an_upload_that_breaks_off_is_looked_for_and_sent_again() {
    for upload_cuts in [1, 2] {
        let faults = Faults {
            upload_cuts,
            server_errors: 1,
            ..Faults::default()
        };
        let shop = shop(Auth::None, faults, false);
        let attached = shop.attach(CYCLONEDX, DOCUMENT).unwrap();
        assert!(!attached.known);
        assert_eq!(shop.found().unwrap().document, DOCUMENT.as_bytes());
    }
}

#[test]
fn the_scheme_a_proxy_gets_wrong_is_mended() {
    let faults = Faults {
        wrong_scheme: true,
        ..Faults::default()
    };
    let shop = shop(Auth::None, faults, true);
    assert!(!shop.attach(CYCLONEDX, DOCUMENT).unwrap().known);
}

#[test]
fn a_subject_that_is_not_there_has_nothing_attached() {
    let mut shop = shop(Auth::None, Faults::default(), false);
    shop.subject = sha256(b"nothing");
    let error = shop.attach(CYCLONEDX, DOCUMENT).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
    assert_eq!(shop.writes(), 0);
}

#[test]
fn a_tag_that_is_no_index_is_left_alone() {
    let mut content = Content::default();
    content.add("shop/web", "1.4", &two_layers());
    let subject = sha256(&two_layers().manifest());
    content.add_document(
        "shop/web",
        &subject.replace(':', "-"),
        &two_layers().manifest(),
    );
    let faults = Faults {
        no_referrers: true,
        ..Faults::default()
    };
    let mut shop = shop(Auth::None, faults.clone(), false);
    shop.server = Server::plain(content, faults);
    shop.reference = shop.server.name("shop/web:1.4").parse().unwrap();
    let error = shop.attach(CYCLONEDX, DOCUMENT).unwrap_err().to_string();
    assert!(error.contains("names no index"), "{error}");
    assert_eq!(shop.writes(), 0);
}

#[test]
fn an_attached_sbom_stands_for_the_layers() {
    let shop = shop(Auth::None, Faults::default(), false);
    shop.attach(CYCLONEDX, DOCUMENT).unwrap();
    let image = shop.source();
    let before = shop.server.seen().len();
    let attachment = shop.found().unwrap();
    let found = scan::inspect_attached(&image, &attachment, &Options::default()).unwrap();
    assert_eq!(packages(&found), ["left-pad 1.3.0"]);
    let target = &found.report.target;
    assert_eq!(
        (&target.digest, target.layers.len()),
        (&shop.subject, 2),
        "what the image is comes from its own configuration"
    );
    let layers = two_layers().descriptors();
    let seen = shop.server.seen().split_off(before);
    assert!(
        seen.iter().all(|seen| layers
            .iter()
            .all(|layer| !seen.path.contains(&layer.digest))),
        "{seen:?}"
    );
    let other = Attachment {
        document: b"no SBOM".to_vec(),
        ..attachment
    };
    assert!(scan::inspect_attached(&image, &other, &Options::default()).is_err());
}
