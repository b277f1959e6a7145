//! Databases and addresses with passwords.
//!
//! The samples are made up: random, with right checksums where the rule has one.

use super::super::{
    check,
    rule::{Rule, token},
};
use rampart_model::scan::Severity;

pub(super) const RULES: &[Rule] = &[
    token(
        "postgresql-url",
        "PostgreSQL password",
        &["postgres://", "postgresql://", "postgresql+"],
        r#"\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["DATABASE_URL=postgres://app:NCdYfD4Ol7rtAL@db.internal:5432/app"],
        &["postgres://user:password@localhost/x", "postgres://app:${PASS}@db/x"],
    ).entropy(1.5).check(check::url_password),
    token(
        "mysql-url",
        "MySQL or MariaDB password",
        &["mysql://", "mariadb://", "mysql+", "mysql2://"],
        r#"\b(?:mysql2?|mariadb)(?:\+\w+)?://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["mysql://app:04SzZw8yjxT0ON@db/app"],
        &["mysql://root:root@localhost/x"],
    ).entropy(1.5).check(check::url_password),
    token(
        "mongodb-url",
        "MongoDB password",
        &["mongodb://", "mongodb+srv://"],
        r#"\bmongodb(?:\+srv)?://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["mongodb+srv://app:cTBVgUwGo6h39U@cluster0.example.net/x"],
        &["mongodb://user:pass@localhost"],
    ).entropy(1.5).check(check::url_password),
    token(
        "redis-url",
        "Redis password",
        &["redis://", "rediss://"],
        r#"\brediss?://[^\s:/@\x27"]{0,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["redis://:K236cnNu8zLMsxR3yRbU@cache:6379/0"],
        &["redis://:password@localhost"],
    ).entropy(1.5).check(check::url_password),
    token(
        "amqp-url",
        "AMQP password",
        &["amqp://", "amqps://"],
        r#"\bamqps?://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["amqp://app:cEkzvxTqBTQNDa@mq/v"],
        &["amqp://guest:guest@localhost"],
    ).entropy(1.5).check(check::url_password),
    token(
        "mssql-url",
        "SQL Server password",
        &["mssql://", "sqlserver://", "mssql+"],
        r#"\b(?:mssql|sqlserver)(?:\+\w+)?://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{1,120})@[\w.-]+"#,
        &["mssql+pyodbc://sa:Hcf8vH8T2vzgmP@db/x"],
        &["mssql://sa:<password>@db/x"],
    ).entropy(1.5).check(check::url_password),
    token(
        "jdbc-password",
        "Password in a JDBC address",
        &["jdbc:"],
        r#"jdbc:[^\s"\x27]{5,200}[?&;]password=([^\s&;"\x27]{4,120})"#,
        &["jdbc:postgresql://db/app?user=app&password=eX8jrW049dTDcQ"],
        &["jdbc:postgresql://db/app?user=app&password=${DB}"],
    ).entropy(1.5).check(check::url_password),
    token(
        "connection-string-password",
        "Password in a connection string",
        &["Password=", "Pwd=", "PWD=", "password="],
        r#"(?i)(?:server|data source|host|uid|user id)\s*=[^;\n]{1,120};(?:[^;\n]{0,120};){0,8}\s*(?:password|pwd)\s*=\s*([^;\s"\x27]{4,120})"#,
        &["Server=db;Database=app;User Id=app;Password=CCryYK46e10CpN;"],
        &["Server=db;User Id=app;Password={secret};"],
    ).entropy(1.5).check(check::url_password),
    token(
        "url-password",
        "Password in an address",
        &["https://", "http://", "ftp://", "ssh://", "smtp://", "smtps://", "ldap://"],
        r#"\b(?:https?|s?ftp|ssh|smtps?|ldaps?)://[^\s:/@\x27"<>]{1,80}:([^\s:/@\x27"<>]{4,120})@[\w.-]{3,}"#,
        &["https://deploy:UuUAZ3o69uKf1sqPHGGl@git.internal.example/x.git"],
        &["https://user:password@example.org", "https://example.org:8080/@scope"],
    ).entropy(2.8).severity(Severity::Medium).check(check::url_password),
    token(
        "netrc-password",
        "Password in a netrc",
        &[" login "],
        r#"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{6,120})"#,
        &["machine api.internal login deploy password ADhOY31UH3rDnuKd"],
        &["machine api.internal login deploy password password"],
    ).entropy(2.5).check(check::url_password),
    token(
        "curl-user",
        "Password of a curl call",
        &["curl "],
        r#"\bcurl\s[^\n|]{0,200}(?:-u|--user)[ =]["\x27]?[^\s:"\x27]{1,64}:([^\s"\x27]{6,120})"#,
        &["curl -sSf -u deploy:RjbHElqu3lVqivqq https://x.example.org"],
        &["curl -u user:$PASS https://x"],
    ).entropy(2.8).severity(Severity::Medium).check(check::url_password),
    token(
        "snowflake-password",
        "Snowflake password",
        &["snowflake://"],
        r#"\bsnowflake://[^\s:/@\x27"]{1,80}:([^\s:/@\x27"]{4,120})@[\w.-]+"#,
        &["snowflake://app:lcsUOWuMmoOqNH@acc/db"],
        &["snowflake://app:secret@acc/db"],
    ).entropy(1.5).check(check::url_password),
];
