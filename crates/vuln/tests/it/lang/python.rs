//! Python's formats.

use super::{check, facts, show};
use std::io::Write;

#[test]
fn installed_metadata() {
    let dist_info = "usr/lib/python3/site-packages/Foo_Bar-1.0.dist-info/METADATA";
    check(
        dist_info,
        "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0.post1\nAuthor: A. Writer\n\
         License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE\n\nName: not-this\n",
        "pypi Foo.Bar 1.0.post1 <MIT OR Apache-2.0> by A. Writer",
    );
    check(
        dist_info,
        "Metadata-Version: 2.1\r\nName: foo\r\nVersion: 2\r\nLicense: UNKNOWN\r\n\
         Classifier: License :: OSI Approved :: MIT License\r\nClassifier: Topic :: X\r\n\r\nbody",
        "pypi foo 2 <MIT>",
    );
    // A licence given as its whole text is no name.
    let text = format!(
        "Name: foo\nVersion: 2\nLicense: {}\n        more\nClassifier: License :: OSI Approved :: BSD License\n",
        "Permission is granted ".repeat(10)
    );
    check(dist_info, &text, "pypi foo 2 <BSD License>");
    // Name and version from the directory.
    check(dist_info, "Metadata-Version: 2.1\n", "pypi Foo_Bar 1.0");
    check(
        "x/foo.dist-info/METADATA",
        "Metadata-Version: 2.1\n",
        "! entry 'foo': no version",
    );
    check("x/a.egg-info/PKG-INFO", "Name: a\nVersion: 3\n", "pypi a 3");
    check(
        "x/a-3-py3.9.egg-info",
        "Metadata-Version: 1.1\n",
        "pypi a 3",
    );
    check("x/a-3-py3.9.egg/EGG-INFO/PKG-INFO", "Name: a\n", "pypi a 3");
    check("x/METADATA", "Name: a\nVersion: 3\n", "");
    check("x/foo-1.dist-info/RECORD", "Name: a\nVersion: 3\n", "");
}

#[test]
fn long_headers_are_cut_with_a_word() {
    let long = format!("Name: a\nVersion: 1\nDescription: {}", "x".repeat(2 << 20));
    let got = show(&facts("x/a-1.dist-info/METADATA", long));
    assert_eq!(got, "pypi a 1\n! headers past 1048576 bytes are not read\n");
    let body = format!("Name: a\nVersion: 1\n\n{}", "x".repeat(2 << 20));
    assert_eq!(show(&facts("x/a-1.dist-info/METADATA", body)), "pypi a 1\n");
}

/// A zip of one file, deflated or stored.
fn egg(name: &str, content: &[u8], deflated: bool) -> Vec<u8> {
    let data = if deflated {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    } else {
        content.to_vec()
    };
    let method = if deflated { 8u16 } else { 0 };
    let (size, length) = (data.len() as u32, name.len() as u16);
    let mut out = b"PK\x03\x04\x14\0\0\0".to_vec();
    out.extend(method.to_le_bytes());
    out.extend([0; 8]);
    out.extend(size.to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend([0; 2]);
    out.extend(name.as_bytes());
    out.extend(&data);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0");
    out.extend(method.to_le_bytes());
    out.extend([0; 8]);
    out.extend(size.to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend([0; 16]);
    out.extend(name.as_bytes());
    let end = out.len() as u32;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend((end - directory).to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[test]
fn zipped_eggs() {
    for deflated in [false, true] {
        let zip = egg(
            "EGG-INFO/PKG-INFO",
            b"Name: zipped\nVersion: 4.5\n",
            deflated,
        );
        assert_eq!(
            show(&facts("x/zipped-4.5-py3.egg", &zip)),
            "pypi zipped 4.5\n"
        );
        for cut in 0..zip.len() {
            facts("x/zipped-4.5-py3.egg", &zip[..cut]);
        }
    }
    // A bomb is inflated no further than headers may be long.
    let bomb = egg("EGG-INFO/PKG-INFO", &vec![b'x'; 64 << 20], true);
    let got = facts("x/b-1-py3.egg", &bomb);
    assert_eq!(show(&got), "pypi b 1\n");
    let other = egg("EGG-INFO/other", b"", true);
    assert_eq!(
        show(&facts("x/b-1.egg", &other)),
        "! no readable EGG-INFO/PKG-INFO: not in the archive\n"
    );
}

#[test]
fn requirements() {
    check(
        "app/requirements.txt",
        "# comment\n\
         Django==4.2.1 ; python_version >= '3.8'  # why\n\
         requests[security,socks] == 2.31.0\n\
         odd===1.0-weird\n\
         hashed==1.0 \\\n    --hash=sha256:aa11 \\\n    --hash=sha256:bb22\n\
         ranged>=1.0,<2\n\
         wild==1.*\n\
         both>=1,==1.5\n\
         bare\n\
         -r base.txt\n\
         -r requirements-dev.txt\n\
         -c ../constraints.txt\n\
         -e ./src/thing\n\
         --index-url https://example.org/simple\n\
         pinned-by @ https://example.org/w/pinned_by-0.9-py3-none-any.whl#sha256=00\n\
         somewhere @ git+https://example.org/x.git@v1\n\
         https://example.org/w/other_thing-2.0-py2.py3-none-any.whl\n\
         ./local/dir\n",
        "pypi Django 4.2.1 (direct)
         pypi requests 2.31.0 (direct)
         pypi odd 1.0-weird (direct)
         pypi hashed 1.0 (direct) [sha256:aa11 sha256:bb22]
         pypi both 1.5 (direct)
         pypi pinned-by 0.9 (direct)
         pypi other-thing 2.0 (direct)
         ! left out, given by an address or path that names no version (1): ./local/dir
         ! left out, included from a file whose name is not looked for (2): base.txt, ../constraints.txt
         ! left out, installed from a source tree (1): ./src/thing
         ! left out, not pinned to one version (4): ranged, wild, bare, …",
    );
    for (path, want) in [
        ("requirements-dev.txt", "pypi a 1 (dev direct)"),
        ("requirements/test.txt", "pypi a 1 (dev direct)"),
        ("requirements/production.txt", "pypi a 1 (direct)"),
        ("x/docs-requirements.txt", "pypi a 1 (dev direct)"),
        ("notes.txt", ""),
        ("v/site-packages/x/requirements.txt", ""),
    ] {
        check(path, "a==1\n", want);
    }
}

#[test]
fn requirements_as_some_shells_write_them() {
    let wide: Vec<u8> = "\u{feff}flask==1.0\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        show(&facts("requirements.txt", wide)),
        "pypi flask 1.0 (direct)\n"
    );
}

#[test]
fn pipfile_lock() {
    check(
        "Pipfile.lock",
        r#"{"_meta": {"hash": {"sha256": "00"}, "pipfile-spec": 6},
            "default": {
              "requests": {"hashes": ["sha256:aa", "sha256:bb"], "index": "pypi", "version": "==2.31.0"},
              "idna": {"version": "==3.4", "markers": "python_version >= '3.5'"},
              "odd": 7, "git-one": {"git": "https://example.org/x", "ref": "abc"},
              "number": {"version": 3}},
            "develop": {"pytest": {"version": "==7.4.0", "index": "pypi"}}}"#,
        "pypi requests 2.31.0 (direct) [sha256:aa sha256:bb]
         pypi idna 3.4
         pypi pytest 7.4.0 (dev direct)
         ! entry 'odd': text
         ! left out, without a version: from a source tree (2): git-one, number",
    );
}

#[test]
fn poetry_lock() {
    check(
        "poetry.lock",
        r#"
[[package]]
name = "flask"
version = "2.0"
optional = false
groups = ["main"]
files = [{file = "a.whl", hash = "sha256:aa"}, {file = "b", hash = 7}]
[package.dependencies]
Click = ">=8"
missing = "*"

[[package]]
name = "click"
version = "8.1"
groups = ["main", "dev"]

[[package]]
name = "pytest"
version = "7.0"
groups = ["dev"]

[[package]]
name = "broken"
version = false

[[package]]
version = "1"

[metadata]
lock-version = "2.1"
"#,
        "pypi flask 2.0 [sha256:aa] -> click@8.1
         pypi click 8.1
         pypi pytest 7.0 (dev)
         ! entry '(unnamed)': no name
         ! left out, without a version: from a source tree (1): broken",
    );
    check(
        "poetry.lock",
        r#"
[[package]]
name = "a"
version = "1"
category = "main"
[[package]]
name = "b"
version = "1"
category = "dev"
[metadata.files]
a = [{file = "x", hash = "md5:00"}]
b = "odd"
"#,
        "pypi a 1 [md5:00]
         pypi b 1 (dev)",
    );
    let broken = show(&facts("poetry.lock", "[[package]\nname"));
    assert!(broken.starts_with("! not readable as TOML: "), "{broken}");
}

#[test]
fn uv_lock() {
    check(
        "uv.lock",
        r#"
version = 1
[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "a" }, { name = "forked", version = "2" }]
[package.dev-dependencies]
dev = [{ name = "tool" }]

[[package]]
name = "a"
version = "1"
source = { registry = "https://example.org/simple" }
sdist = { url = "x", hash = "sha256:aa", size = 1 }
wheels = [{ url = "y", hash = "sha256:bb" }]
dependencies = [{ name = "shared", marker = "x" }]

[[package]]
name = "forked"
version = "1"
[[package]]
name = "forked"
version = "2"
[[package]]
name = "shared"
version = "1"
[[package]]
name = "tool"
version = "1"
dependencies = [{ name = "only-dev" }, { name = "shared" }]
[[package]]
name = "only-dev"
version = "1"
[[package]]
name = "member"
version = "0"
source = { editable = "packages/member" }
"#,
        "pypi a 1 (direct) [sha256:aa sha256:bb] -> shared@1
         pypi forked 1
         pypi forked 2 (direct)
         pypi shared 1
         pypi tool 1 (dev direct) -> only-dev@1 shared@1
         pypi only-dev 1 (dev)
         ! left out, the project's own (1): member",
    );
}

#[test]
fn pdm_and_pylock() {
    check(
        "pdm.lock",
        r#"
[[package]]
name = "a"
version = "1"
groups = ["default"]
dependencies = ["b>=1; python_version > '3'", "c[x]"]
files = [{file = "x", hash = "sha256:aa"}]
[[package]]
name = "b"
version = "2"
groups = ["default", "dev"]
[[package]]
name = "c"
version = "3"
groups = ["dev"]
"#,
        "pypi a 1 [sha256:aa] -> b@2 c@3
         pypi b 2
         pypi c 3 (dev)",
    );
    check(
        "pylock.web.toml",
        r#"
lock-version = "1.0"
[[packages]]
name = "a"
version = "1"
wheels = [{name = "a.whl", hashes = {sha256 = "aa"}}]
dependencies = [{name = "b"}]
[[packages]]
name = "b"
version = "2"
sdist = {name = "b.tar.gz", hashes = {sha512 = "bb", odd = "cc"}}
[[packages]]
name = "from-git"
vcs = {type = "git", url = "x", commit-id = "y"}
"#,
        "pypi a 1 [sha256:aa] -> b@2
         pypi b 2 [sha512:bb]
         ! left out, without a version: from a source tree (1): from-git",
    );
}

#[test]
fn conda() {
    check(
        "opt/conda/conda-meta/openssl-3.0.1-h0_0.json",
        r#"{"name":"openssl","version":"3.0.1","build":"h0_0","subdir":"linux-64","license":"Apache-2.0",
            "md5":"aa","sha256":"bb","requested_spec":"None","files":["lib/x"],
            "paths_data":{"paths":[{"_path":"lib/x"}]}}"#,
        "conda openssl 3.0.1 linux-64 <Apache-2.0> [md5:aa sha256:bb]",
    );
    check(
        "environment.yml",
        "name: x\nchannels: [conda-forge]\ndependencies:\n  - numpy=1.24.3=py311h0\n  - conda-forge::scipy==1.10\n  \
         - python>=3.9\n  - pip\n  - zlib=1.2.*\n  - pip:\n    - flask==2.0\n    - other\n",
        "conda numpy 1.24.3 (direct)
         conda scipy 1.10 (direct)
         pypi flask 2.0 (direct)
         ! left out, not pinned to one version (4): python, pip, zlib, …",
    );
}
