//! Hostile and broken inputs: no panic, bounded work, and a word about what was not read.

use super::{facts, facts_by, show};

/// A path for each format, with the start of a document that is its own.
const FORMATS: &[(&str, &str)] = &[
    (
        "a/b-1.dist-info/METADATA",
        "Name: b\nVersion: 1\nLicense: MIT\n\n",
    ),
    ("a/b-1-py3.egg", "PK\x03\x04PK\x01\x02PK\x05\x06"),
    (
        "requirements.txt",
        "a==1 ; x --hash=sha256:00 \\\nb[c] >= 2 # d\n-r e\n",
    ),
    ("Pipfile.lock", r#"{"default":{"a":{"version":"==1"}}}"#),
    (
        "poetry.lock",
        "[[package]]\nname = \"a\"\nversion = \"1\"\n[package.dependencies]\na = \"1\"\n",
    ),
    (
        "uv.lock",
        "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { editable = \".\" }\n[[package]]\nname = \"b\"\nversion = \"1\"\n",
    ),
    (
        "pdm.lock",
        "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"a>1\"]\n",
    ),
    (
        "pylock.toml",
        "[[packages]]\nname = \"a\"\nversion = \"1\"\n",
    ),
    ("conda-meta/a.json", r#"{"name":"a","version":"1"}"#),
    (
        "environment.yml",
        "dependencies:\n  - a=1=2\n  - pip:\n    - b==1\n",
    ),
    (
        "node_modules/a/package.json",
        r#"{"name":"a","version":"1.0.0","license":{"type":"x"}}"#,
    ),
    (
        "package-lock.json",
        r#"{"packages":{"":{"dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0"}}}"#,
    ),
    (
        "npm-shrinkwrap.json",
        r#"{"dependencies":{"a":{"version":"1.0.0","requires":{"a":"1"},"dependencies":{}}}}"#,
    ),
    (
        "yarn.lock",
        "\"@a/b@^1\", c@npm:d@1:\n  version \"1.0.0\"\n  dependencies:\n    \"@a/b\" \"^1\"\n",
    ),
    (
        "pnpm-lock.yaml",
        "dependencies:\n  a: 1.0.0\npackages:\n  /a/1.0.0_b@1:\n    dev: true\n",
    ),
    (
        "bun.lock",
        r#"{"packages":{"a/b":["b@1.0.0","",{"dependencies":{"b":"1"}},"sha512-AA=="],},}"#,
    ),
    (
        "specifications/a-1.gemspec",
        "s.name = \"a\"\ns.version = %q{1}\ns.licenses = ['x']\n",
    ),
    (
        "Gemfile.lock",
        "GEM\n  specs:\n    a (1-x)\n      b\nDEPENDENCIES\n  a!\nCHECKSUMS\n  a (1) sha256=00\n",
    ),
    (
        "vendor/composer/installed.json",
        r#"[{"name":"a/b","version":"1","require":{"a/b":"1"}}]"#,
    ),
    (
        "composer.lock",
        r#"{"packages":[{"name":"a/b","version":"1"}]}"#,
    ),
    (
        "a.deps.json",
        r#"{"runtimeTarget":{"name":"t"},"targets":{"t":{"A/1":{"dependencies":{"A":"1"}}}},"libraries":{"A/1":{"type":"package"}}}"#,
    ),
    (
        "packages.lock.json",
        r#"{"dependencies":{"n":{"A":{"type":"Direct","resolved":"1","dependencies":{"A":"1"}}}}}"#,
    ),
    (
        "project.assets.json",
        r#"{"libraries":{"A/1":{"type":"package"}},"project":{"frameworks":{"n":{"dependencies":{"A":{}}}}}}"#,
    ),
    (
        "packages.config",
        "<packages><package id=\"A\" version=\"1\"/></packages>",
    ),
    (
        "a.csproj",
        "<Project><PropertyGroup><V>$(V)</V></PropertyGroup><PackageReference Include=\"A\" Version=\"$(V)\"/></Project>",
    ),
    (
        "pubspec.lock",
        "packages:\n  a:\n    source: hosted\n    version: \"1\"\n",
    ),
    (
        "mix.lock",
        "%{\n  \"a\": {:hex, :a, \"1\", \"x\", [:mix], [{:a, \"1\", []}], \"hexpm\"},\n}",
    ),
    (
        "conan.lock",
        r#"{"graph_lock":{"nodes":{"0":{"ref":"a/1#b@c","requires":["0"]}}}}"#,
    ),
    (
        "Package.resolved",
        r#"{"pins":[{"location":"git@a:b.git","state":{"version":"1"}}]}"#,
    ),
    (
        "Podfile.lock",
        "PODS:\n  - A (1):\n    - A/B (= 1)\nDEPENDENCIES:\n  - A (1)\n",
    ),
    ("lib/R/DESCRIPTION", "Package: a\nVersion: 1\nBuilt: x\n"),
    (
        "renv.lock",
        r#"{"Packages":{"a":{"Version":"1","Requirements":["a"]}}}"#,
    ),
    ("cabal.project.freeze", "constraints: any.a ==1,\n b ==2\n"),
    (
        "stack.yaml.lock",
        "packages:\n- completed:\n    hackage: a-1@sha256:0,1\n",
    ),
];

/// Small and fixed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

#[test]
fn cut_anywhere() {
    for (path, text) in FORMATS {
        assert!(!show(&facts(path, text)).is_empty(), "{path} says nothing");
        for cut in 0..text.len() {
            facts(path, &text.as_bytes()[..cut]);
        }
    }
}

#[test]
fn bytes_changed_anywhere() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let odd = b"\0\xff\"'\\{}[](),:;@#%/-_.= \n\t!&*<>$0aA\xc3";
    for (path, text) in FORMATS {
        for _ in 0..300 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = odd[random.below(odd.len())],
                    1 => bytes.insert(at, odd[random.below(odd.len())]),
                    _ => drop(bytes.remove(at)),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            let whole = show(&facts(path, &bytes));
            assert_eq!(show(&facts_by(path, &bytes, 7)), whole, "{path} in pieces");
            assert!(!whole.trim_end().contains('\0'), "{path}: {whole:?}");
        }
    }
}

#[test]
fn nested_without_end() {
    for (path, _) in FORMATS {
        for unit in ["[", "{\"a\":", "<a>", "a:\n", "- ", "{:", "("] {
            facts(path, unit.repeat(20_000));
        }
    }
    let deep = "{\"dependencies\":{\"a\":".repeat(3000);
    let got = show(&facts("package-lock.json", deep));
    assert!(got.starts_with("! not readable as JSON"), "{got}");
}

#[test]
fn too_much_is_said() {
    let many: String = (0..120_000).map(|n| format!("p{n}==1\n")).collect();
    let got = facts("requirements.txt", many);
    assert_eq!(got.packages.len(), 100_000);
    assert_eq!(
        got.problems[0].reason,
        "20000 packages past the first 100000 are left out"
    );
    let long = format!("{}==1\n", "x".repeat(1000));
    assert!(show(&facts("requirements.txt", long)).contains("name longer than 512 bytes"));
    let big = vec![b' '; 5 << 20];
    assert_eq!(
        show(&facts("requirements.txt", big)),
        "! longer than the 4194304 bytes that are read of such a file\n"
    );
    let list = format!("{{\"x\":[{}0]}}", "0,".repeat(300_000));
    let got = show(&facts("node_modules/a/package.json", list));
    assert!(got.contains("more than 250000 values"), "{got}");
}

#[test]
fn a_circle_of_dependencies_ends() {
    let lock = r#"{"packages":{"":{"dependencies":{"a":"1"}},
        "node_modules/a":{"version":"1.0.0","dependencies":{"b":"1"}},
        "node_modules/b":{"version":"1.0.0","dependencies":{"a":"1"}}}}"#;
    assert_eq!(
        show(&facts("package-lock.json", lock)),
        "npm a 1.0.0 (direct) -> b@1.0.0\nnpm b 1.0.0 -> a@1.0.0\n"
    );
}

#[test]
fn a_source_that_ends_early_is_said() {
    use rampart_vuln::analyze::{ALL, FileFacts, FileMeta};
    for (path, text) in FORMATS {
        let meta = FileMeta {
            path: (*path).to_owned(),
            size: 1000,
            ..FileMeta::default()
        };
        let mut out = FileFacts::default();
        for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&meta)) {
            let head = &text.as_bytes()[..5.min(text.len())];
            // Others may want the same name and leave it once they see what it holds.
            let Some(mut sink) = analyzer.open(&meta, head) else {
                continue;
            };
            sink.chunk(head);
            sink.finish(true, &mut out);
        }
        assert!(
            out.problems
                .iter()
                .any(|p| p.reason.starts_with("cut short")),
            "{path}"
        );
    }
}
