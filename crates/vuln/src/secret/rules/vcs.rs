//! Source hosting.
//!
//! The samples are made up: random, with right checksums where the rule has one.

use super::super::{
    check,
    rule::{Rule, named, token},
};
use rampart_model::scan::Severity;

pub(super) const RULES: &[Rule] = &[
    token(
        "github-token",
        "GitHub personal access token",
        &["ghp_"],
        r#"\b(ghp_[A-Za-z0-9]{36})\b"#,
        &["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"],
        &["ghp_IUjYDWZMG5BV7ojl5URxZZupooLDe9YmHrzX", "ghp_bek7JQdvPW8Eh40ZcwFY"],
    ).severity(Severity::Critical).check(check::crc_token),
    token(
        "github-oauth-token",
        "GitHub OAuth token",
        &["gho_"],
        r#"\b(gho_[A-Za-z0-9]{36})\b"#,
        &["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"],
        &["gho_2JDpecQ9gpeY4wJ4sB0XI3qUrEOlOaRcMCny"],
    ).severity(Severity::Critical).check(check::crc_token),
    token(
        "github-app-token",
        "GitHub app token",
        &["ghu_", "ghs_"],
        r#"\b(gh[us]_[A-Za-z0-9]{36})\b"#,
        &["ghs_VLZHp5PlSVEMAFqRKyFnqi6ot3kTam2C4imN"],
        &["ghs_cUA9MP1LhQqDYeAP6BLLaIyVsM8qhNnuJkeM"],
    ).check(check::crc_token),
    token(
        "github-refresh-token",
        "GitHub refresh token",
        &["ghr_"],
        r#"\b(ghr_[A-Za-z0-9]{36,76})\b"#,
        &["ghr_tHu4qF8cLXKrPvjlQ2exVoJCAp9vxLGSXqc6PVTyow9muGDVfxwTPMOTLiPAwavAsQlqoczPUqQc"],
        &["ghr_s3SsO8GlHWM3uaIat2yZ"],
    ),
    token(
        "github-fine-grained-token",
        "GitHub fine-grained token",
        &["github_pat_"],
        r#"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"#,
        &["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"],
        &["github_pat_wAChrJiQr7_of2I1b3P6RfWR63uXCN7NdbUMjKt"],
    ).severity(Severity::Critical),
    token(
        "gitlab-token",
        "GitLab personal access token",
        &["glpat-"],
        r#"\b(glpat-(?:[\w-]{20}|[\w-]{27,300}\.[0-9a-z]{2}\.?[0-9a-z]{7,9}))(?:[^\w-]|$)"#,
        &["glpat-DrFGJ9qrIPZOYZJGkHie"],
        &["glpat-6hjXL7W2d"],
    ).severity(Severity::Critical),
    token(
        "gitlab-runner-token",
        "GitLab runner token",
        &["glrt-", "glrtr-", "GR1348941"],
        r#"\b((?:glrt-|glrtr-|GR1348941)[\w-]{20,60})"#,
        &["glrt-YMhWgKZ7nxD7kUIKB7Tr"],
        &["glrt-bMU90nkQE"],
    ),
    token(
        "gitlab-pipeline-token",
        "GitLab pipeline or job token",
        &["glptt-", "glcbt-"],
        r#"\b(glptt-[0-9a-f]{40}|glcbt-[0-9a-f]{1,5}_[\w-]{20})(?:[^\w-]|$)"#,
        &["glptt-7a01fdf9a46e670eec9abf8cd964f47d1ba9b79c"],
        &["glptt-14b96b5a0f1236ac4cc"],
    ),
    token(
        "gitlab-other-token",
        "GitLab token",
        &["gldt-", "glsoat-", "glft-", "glimt-", "glagent-", "gloas-", "glffct-"],
        r#"\b((?:gldt|glsoat|glft|glimt|glagent|gloas|glffct)-[\w-]{20,64})"#,
        &["gldt-WKM0Ma1fY2pBPa24RYF7", "glagent-GEyLyQac6O9YSqAgCja1NRJxMsBzPfKopmKPj2QxrrcxSyu9zQ"],
        &["gldt-BjxdvAHdP"],
    ),
    token(
        "bitbucket-app-password",
        "Bitbucket app password",
        &["ATBB"],
        r#"\b(ATBB[A-Za-z0-9]{32})\b"#,
        &["ATBBVgVK9icP5wI34E8td6EKGH4KucaZQUxG"],
        &["ATBBoJPX7Pg6amUXKDu"],
    ),
    token(
        "atlassian-api-token",
        "Atlassian API token",
        &["ATATT3", "ATCTT3"],
        r#"\b(AT[AC]TT3[\w=-]{180,250})"#,
        &["ATATT3XAbZcrgWESs5WK2W6RiKZO3nPUKUhjoMd0EMM4eRQsn3ZJyNyFGaTvHCljNznSI3ICNeUXwOSMdlfUS6QobozcleYG9IV0H5GjDVPzpZbieDzHapsxJMPGkf3EMmWNyZ5oStkJc14KfkQmKlnQkuhF79UBI8SdxkXQKkYooSho3gXPDoiGcfjBz0RsZUdC"],
        &["ATATT3o8Ig2ijZo71o6ouiNvvgAxFVuaJxvdu5IHSArlUVLB2ncMGvdDhKb9IREW44RD9D0ttUAUoC1gOUf5BuXJkTUccEmtsFeO"],
    ),
    named(
        "gitea-token",
        "Gitea or Forgejo token",
        &["gitea", "forgejo", "codeberg"],
        "^[0-9a-f]{40}$",
        &["GITEA_TOKEN=54804e40e6c2fca8b47f7a0e4d4b674020ebecb3"],
        &["GITEA_TOKEN=2df8f698b448204b6e1"],
    ),
    token(
        "sourcegraph-token",
        "Sourcegraph token",
        &["sgp_", "sgd_"],
        r#"\b(sg[pd]_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40,64})\b"#,
        &["sgp_7633772b06167555_80f401d7735048a38e54b95d13203c2dc40b647c"],
        &["sgp_aaaa642_7de3fe316f8f3b4492e"],
    ),
];
