//! The smaller ecosystems.

use super::check;

#[test]
fn dart() {
    check(
        "pubspec.lock",
        "packages:\n  http:\n    dependency: \"direct main\"\n    description:\n      name: http\n      sha256: aabb\n      url: \"https://example.org\"\n    \
         source: hosted\n    version: \"0.13.5\"\n  lints:\n    dependency: \"direct dev\"\n    source: hosted\n    version: \"2.0.1\"\n  \
         flutter:\n    dependency: \"direct main\"\n    source: sdk\n    version: \"0.0.0\"\n  own:\n    source: path\n    version: \"1.0.0\"\n  \
         meta:\n    dependency: transitive\n    source: hosted\n    version: \"1.9\"\n  odd: 7\nsdks:\n  dart: \">=2\"\n",
        "pub http 0.13.5 (direct) [sha256:aabb]
         pub lints 2.0.1 (dev direct)
         pub meta 1.9
         ! entry 'odd': no version
         ! left out, given by a path (1): own
         ! left out, part of the SDK, without a version of its own (1): flutter",
    );
}

#[test]
fn elixir() {
    let (inner, outer) = ("a".repeat(64), "b".repeat(64));
    check(
        "mix.lock",
        &format!(
            "%{{\n  \"jason\": {{:hex, :jason, \"1.4.0\", \"{inner}\", [:mix], [{{:decimal, \"~> 1.0 or ~> 2.0\", [hex: :decimal, repo: \"hexpm\", optional: true]}}], \"hexpm\", \"{outer}\"}},\n  \
             \"decimal\": {{:hex, :decimal, \"2.0.0\", \"{inner}\", [:mix], [], \"hexpm\", \"{outer}\"}},\n  \
             \"g\": {{:git, \"https://example.org/g.git\", \"0123\", []}},\n  \"odd\": 7,\n  \"short\": {{:hex, :short}},\n}}\n"
        ),
        "hex jason 1.4.0 [sha256:bbbbbbbbb] -> decimal@2.0.0
         hex decimal 2.0.0 [sha256:bbbbbbbbb]
         ! entry 'odd': no source
         ! entry 'short': no version
         ! left out, taken from git (1): g",
    );
}

#[test]
fn conan() {
    check(
        "conan.lock",
        r#"{"version":"0.5","requires":["zlib/1.2.13#aa%1.0","openssl/3.1.0@user/chan",7,"odd"],"build_requires":["cmake/3.25.0"],"python_requires":[]}"#,
        "conan zlib 1.2.13
         conan openssl 3.1.0
         conan cmake 3.25.0 (dev)
         ! entry '7': no name/version
         ! entry 'odd': no name/version",
    );
    check(
        "conan.lock",
        r#"{"graph_lock":{"nodes":{"0":{"ref":"app/1.0","path":"conanfile.py","requires":["1"]},
            "1":{"ref":"poco/1.9.4#0","requires":["2"],"context":"host"},"2":{"ref":"zlib/1.2.11","context":"host"},
            "3":{"ref":"cmake/3.2","context":"build"},"4":{"ref":"odd"}}},"version":"0.4"}"#,
        "conan poco 1.9.4 (direct) -> zlib@1.2.11
         conan zlib 1.2.11
         conan cmake 3.2 (dev)
         ! entry 'odd': no name/version",
    );
}

#[test]
fn swift() {
    check(
        "Package.resolved",
        r#"{"object":{"pins":[{"package":"NIO","repositoryURL":"https://github.com/apple/swift-nio.git","state":{"branch":null,"revision":"00","version":"2.41.0"}}]},"version":1}"#,
        "swift github.com/apple/swift-nio 2.41.0",
    );
    check(
        "App.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved",
        r#"{"pins":[{"identity":"a","kind":"remoteSourceControl","location":"git@github.com:o/a.git","state":{"revision":"0","version":"1.0.0"}},
            {"identity":"b","location":"https://github.com/o/b/","state":{"branch":"main"}},{"identity":"c"}],"version":3}"#,
        "swift github.com/o/a 1.0.0
         ! entry 'c': no location
         ! left out, pinned to a revision or branch, not a version (1): https://github.com/o/b/",
    );
    check(
        "Podfile.lock",
        "PODS:\n  - A (1.0):\n    - A/Core (= 1.0)\n    - B\n  - A/Core (1.0)\n  - B (2.0.1)\n\nDEPENDENCIES:\n  - A (~> 1.0)\n\nSPEC CHECKSUMS:\n  A: 00\n",
        "swift A 1.0 (direct) -> B@2.0.1
         swift B 2.0.1",
    );
}

#[test]
fn r() {
    let path = "usr/local/lib/R/site-library/jsonlite/DESCRIPTION";
    check(
        path,
        "Package: jsonlite\nType: Package\nVersion: 1.8.4\nLicense: MIT + file LICENSE\nMaintainer: J O\nBuilt: R 4.2.0; ; x; unix\n",
        "cran jsonlite 1.8.4 <MIT + file LICENSE> by J O",
    );
    check(path, "Package: jsonlite\nVersion: 1.8.4\n", "");
    check(
        "renv.lock",
        r#"{"R":{"Version":"4.2.0"},"Packages":{"a":{"Package":"a","Version":"1.0-1","Source":"Repository","Hash":"0123456789abcdef0123456789abcdef","Requirements":["R","b"]},
            "b":{"Package":"b","Version":"2.0"},"c":{"Package":"c"}}}"#,
        "cran a 1.0-1 [md5:012345678901] -> b@2.0
         cran b 2.0
         ! entry 'c': no version"
            .replace("[md5:012345678901]", "[md5:0123456789ab]")
            .as_str(),
    );
}

#[test]
fn haskell() {
    check(
        "cabal.project.freeze",
        "active-repositories: hackage.haskell.org:merge\nconstraints: any.aeson ==2.0.3.0,\n             aeson -cffi +ordered-keymap,\n             any.base ==4.16.1.0\nindex-state: x\n",
        "hackage aeson 2.0.3.0
         hackage base 4.16.1.0",
    );
    check(
        "stack.yaml.lock",
        "packages:\n- completed:\n    hackage: fuzzyset-0.2.4@sha256:00,1574\n    pantry-tree:\n      size: 1\n  original:\n    hackage: fuzzyset-0.2.4\n\
         - completed:\n    name: own\n    version: 1.0\n    git: x\n- original: {}\nsnapshots: []\n",
        "hackage fuzzyset 0.2.4 (direct)
         hackage own 1.0
         ! entry '(unnamed)': neither a Hackage package nor a name and version",
    );
}
