//! Payment and shops.
//!
//! The samples are made up: random, with right checksums where the rule has one.

use super::super::{
    check,
    rule::{Rule, named, token},
};
use rampart_model::scan::Severity;

pub(super) const RULES: &[Rule] = &[
    token(
        "stripe-live-key",
        "Stripe secret key",
        &["sk_live_", "rk_live_"],
        r#"\b([sr]k_live_[A-Za-z0-9]{24,247})\b"#,
        &["sk_live_YpQTgVM5AvbA6r3CWij9f2Ci"],
        &["sk_live_tw6Wh0nYgLC"],
    )
    .severity(Severity::Critical),
    token(
        "stripe-test-key",
        "Stripe test key",
        &["sk_test_", "rk_test_"],
        r#"\b([sr]k_test_[A-Za-z0-9]{24,247})\b"#,
        &["sk_test_xb8DKgm4OibqMegnnRIEzFOY"],
        &["sk_test_jT3ITiZwVqS"],
    )
    .severity(Severity::Low),
    token(
        "stripe-webhook-secret",
        "Stripe webhook secret",
        &["whsec_"],
        r#"\b(whsec_[A-Za-z0-9+/]{32,64}={0,2})"#,
        &["whsec_EbszuJ5wOEGfwpWpfTS78WzVl6Q4K8hR"],
        &["whsec_uDzoSQhHv6vJ91N"],
    ),
    token(
        "square-token",
        "Square token",
        &["sq0atp-", "sq0csp-"],
        r#"\b(sq0(?:atp-[\w-]{22}|csp-[\w-]{43}))(?:[^\w-]|$)"#,
        &["sq0atp-r8Uc162s2t4YpyMDTAoyCU"],
        &["sq0atp-m897qV8yRB"],
    )
    .severity(Severity::Critical),
    token(
        "square-access-token",
        "Square access token",
        &["EAAA"],
        r#"\b(EAAA[\w-]{60})(?:[^\w-]|$)"#,
        &["EAAAstqSX6FseOokqYLHJlc2TNrRu6YJaYDMINwzo0K97aF3JMa3DX6TJ3dDTjP5"],
        &["EAAAGNax5GzihGSp74CzOkXdTQpsf8aKc"],
    )
    .entropy(4.2)
    .check(check::mixed),
    token(
        "braintree-token",
        "Braintree access token",
        &["access_token$production$"],
        r#"(access_token\$production\$[a-z0-9]{16}\$[0-9a-f]{32})"#,
        &["access_token$production$55q8gnxtolk4qt48$1174e829b08690c547fd5c5a5a5537ff"],
        &["access_token$production$mvvf91m$6f24327013fe247"],
    )
    .severity(Severity::Critical),
    token(
        "shopify-token",
        "Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r#"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b"#,
        &["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"],
        &["shpat_0ac0b1f9a750118"],
    ),
    token(
        "razorpay-key",
        "Razorpay key",
        &["rzp_live_"],
        r#"\b(rzp_live_[A-Za-z0-9]{14})\b"#,
        &["rzp_live_SwrRNf6vpthIgH"],
        &["rzp_live_q9262Y"],
    ),
    token(
        "adyen-key",
        "Adyen API key",
        &["AQE"],
        r#"\b(AQE[a-z][A-Za-z0-9+/=]{60,200}-[A-Za-z0-9+/=]{40,60}-[A-Za-z0-9!-~]{10,30})"#,
        &[
            "AQEyGy8Du4GbDN32qpSlwz6lzIuw1Mcvkov91PgYGoLxvgSiDfWFawnHLxCrafzf3wbCEJrChUMzSynzXVGx-atFsQao85oTZIvGwLEurXeEk92shnHh2QhIArbighjJ=-covIAQstNAThJSk8",
        ],
        &["AQEycqLNVZAve9VYuC26uZn8cOIAMaOgXNI4CLoTST3NV6cFoaRlhdXQbMAbCzzXpoqVtDaEGpaz8r9aINIg"],
    ),
    named(
        "plaid-secret",
        "Plaid secret",
        &["plaid"],
        "^[0-9a-f]{30}$",
        &["PLAID_SECRET=c165522a66583f9d6f83c8a4c1d5ca"],
        &["PLAID_SECRET=54057699ec314a"],
    ),
    named(
        "coinbase-secret",
        "Coinbase secret",
        &["coinbase"],
        r#"^[\w-]{32,64}$"#,
        &["COINBASE_API_SECRET=lM8vJZiY0ac5KcSvfq3jWVadBCD4Y4uX"],
        &["COINBASE_API_SECRET=H7oo2n3dgbdiAWL"],
    )
    .entropy(3.8),
    token(
        "flutterwave-key",
        "Flutterwave key",
        &["FLWSECK-"],
        r#"\b(FLWSECK-[0-9a-zA-Z]{32}-X)\b"#,
        &["FLWSECK-c11eb914c7f8e514f0a100da5772adfb-X"],
        &["FLWSECK-f1e6b0e38d1df69-X"],
    ),
    token(
        "easypost-key",
        "EasyPost API key",
        &["EZAK", "EZTK"],
        r#"\b(EZ[AT]K[A-Za-z0-9]{54})\b"#,
        &["EZAK9dYQMWaoixuHdFxBOVfARO1eetq8xlgNF8bF8ghFmZ5us8yRaM5CG0"],
        &["EZAKXMB1WQwbNeVB5efH3488wQzcxf"],
    ),
    token(
        "shippo-token",
        "Shippo token",
        &["shippo_live_"],
        r#"\b(shippo_live_[0-9a-f]{40})\b"#,
        &["shippo_live_58e2715888c2d87f46b837e6fc829c15138b5e18"],
        &["shippo_live_16ae3fa670e6839cecc"],
    ),
];
