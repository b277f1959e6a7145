//! Names that say secret, whatever the value.
//!
//! The samples are made up: random, with right checksums where the rule has one.

use super::super::{
    check,
    rule::{Rule, named},
};
use rampart_model::scan::Severity;

pub(super) const RULES: &[Rule] = &[
    named(
        "generic-api-key",
        "API key",
        &[
            "apikey",
            "accesskey",
            "secretkey",
            "privatekey",
            "encryptionkey",
            "signingkey",
            "authkey",
        ],
        r#"^[\w+/=.~-]{16,200}$"#,
        &[
            "API_KEY=KsgFO3LPKcqWYvtZaeV0BaL90hExmNT3",
            r#""apiKey": "M8g9hmYUgXo4zpfNBzSrDlnIyMOyFCXR""#,
        ],
        &[
            "API_KEY=your_api_key_here_please",
            "api_key = settings.get_value_now",
            "apiKey: this.options.apiKeyValue",
        ],
    )
    .entropy(3.7)
    .severity(Severity::Medium)
    .check(check::letters_and_digits),
    named(
        "generic-secret",
        "Secret",
        &["secret"],
        r#"^[\w+/=.~!@#%^*-]{12,200}$"#,
        &["CLIENT_SECRET=G9TlvEZYrFtAG4LCJ46KUWcWUZc7imyP"],
        &[
            "client_secret = os.environ_get",
            "secret: mysecretvalue123456",
        ],
    )
    .entropy(3.5)
    .severity(Severity::Medium)
    .check(check::letters_and_digits),
    named(
        "generic-token",
        "Token",
        &["token"],
        r#"^[\w+/=.~-]{20,500}$"#,
        &["ACCESS_TOKEN=9jxzeKuwmqu6fOilvEnZwW6OEqCuL6qtsNMdEsrY"],
        &[
            "token = parser.next_token(index1)",
            r#"token_type: "urn:ietf:params:oauth""#,
        ],
    )
    .entropy(3.7)
    .severity(Severity::Medium)
    .check(check::letters_and_digits),
    named(
        "generic-password",
        "Password",
        &[
            "password", "passwd", "passwort", "dbpass", "userpass", "mypwd", "dbpwd",
        ],
        r#"^[^\s"\x27`<>(){}]{8,120}$"#,
        &["DB_PASSWORD=AJkIabzJQB2f2apS"],
        &[
            "password = input_field.value",
            "PASSWORD=changeme123",
            "password: ${DB_PASSWORD}",
        ],
    )
    .entropy(3.0)
    .severity(Severity::Medium)
    .check(check::letters_and_digits),
    named(
        "generic-credential",
        "Credential",
        &["credential", "passphrase"],
        r#"^[^\s"\x27`<>(){}]{12,200}$"#,
        &["SERVICE_CREDENTIAL=aTVj7m2n3zGoY0m1CnxqjutP"],
        &["credentials: same-origin1"],
    )
    .entropy(3.5)
    .severity(Severity::Medium)
    .check(check::letters_and_digits),
];
