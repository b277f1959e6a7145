//! Composer's formats.

use super::check;

#[test]
fn lock_and_installed() {
    check(
        "composer.lock",
        r#"{"packages":[
            {"name":"a/b","version":"v1.2.3","license":["MIT"],"require":{"php":">=8","C/D":"^1"},"dist":{"shasum":"0123456789012345678901234567890123456789"},"authors":[{"name":"N"}]},
            {"name":"c/d","version":"1.0.0","license":"BSD","dist":{"shasum":""}},
            {"name":"e/f","version":false},{"version":"1"}],
            "packages-dev":[{"name":"t/t","version":"9.0.0","require":{"a/b":"*"}}]}"#,
        "composer a/b v1.2.3 <MIT> by N [sha1:01234567890] -> c/d@1.0.0
         composer c/d 1.0.0 <BSD>
         composer t/t 9.0.0 (dev) -> a/b@v1.2.3
         ! entry 'e/f': no version
         ! entry '(unnamed)': no name",
    );
    check(
        "app/vendor/composer/installed.json",
        r#"{"packages":[{"name":"a/b","version":"1.0.0"},{"name":"t/t","version":"2.0.0"}],"dev":true,"dev-package-names":["t/t"]}"#,
        "composer a/b 1.0.0
         composer t/t 2.0.0 (dev)",
    );
    check(
        "app/vendor/composer/installed.json",
        r#"[{"name":"a/b","version":"1.0.0","license":["MIT"]}]"#,
        "composer a/b 1.0.0 <MIT>",
    );
    check(
        "app/installed.json",
        r#"[{"name":"a/b","version":"1.0.0"}]"#,
        "",
    );
}
