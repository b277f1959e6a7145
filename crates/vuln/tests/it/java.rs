//! Java archives, made here byte by byte, and hostile ones.

mod build;
mod hostile;
mod machine;

use crate::streaming::{analyze, lines, reasons};
use build::{Shape, Zip, jar, properties};

const PIECES: &[usize] = &[1, 7, 100, 4096, 65_536, usize::MAX];

#[test]
fn every_shape_of_entry_in_pieces_of_any_size() {
    for shape in Shape::ALL {
        let mut zip = Zip::new(*shape);
        zip.add("META-INF/", b"");
        zip.add("a/", b"");
        zip.add("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n");
        zip.add("a/B.class", &build::noise(70_000));
        zip.add("a/Zeros.class", &vec![0; 70_000]);
        let (name, text) = properties("org.example", "thing", "1.2.3");
        zip.add(&name, text.as_bytes());
        zip.add("a/C.class", &build::noise(10));
        let bytes = zip.finish();
        for &size in PIECES {
            let facts = analyze("app/thing-1.2.3.jar", &bytes, size);
            assert_eq!(
                lines(&facts),
                ["maven org.example:thing 1.2.3"],
                "{shape:?} in pieces of {size}: {:?}",
                facts.problems
            );
            assert!(facts.problems.is_empty(), "{shape:?}: {:?}", facts.problems);
            assert_eq!(facts.packages[0].hashes, [build::sha1(&bytes)]);
        }
    }
}

#[test]
fn web_archives_and_what_is_in_them() {
    let inner = jar("g.in", "inner", "0.1");
    let mut library = Zip::new(Shape::Deflated);
    let (name, text) = properties("g.lib", "lib", "2.0");
    library.add(&name, text.as_bytes());
    library.add("META-INF/lib/inner-0.1.jar", &inner);
    let library = library.finish();
    for shape in [Shape::Deflated, Shape::Stored, Shape::Described] {
        let mut war = Zip::new(shape);
        war.add("META-INF/MANIFEST.MF", b"Implementation-Version: 9.9\n");
        war.add("WEB-INF/lib/lib-2.0.jar", &library);
        war.add(
            "BOOT-INF/lib/spring-core-5.3.18.jar",
            &Zip::new(shape).finish(),
        );
        war.add("WEB-INF/lib/notes.txt", b"PK\x03\x04 not an archive");
        let facts = analyze("srv/app.war", &war.finish(), 1000);
        assert_eq!(
            lines(&facts),
            [
                "maven g.in:inner 0.1 WEB-INF/lib/lib-2.0.jar!/META-INF/lib/inner-0.1.jar",
                "maven g.lib:lib 2.0 WEB-INF/lib/lib-2.0.jar",
                "maven org.springframework:spring-core 5.3.18 BOOT-INF/lib/spring-core-5.3.18.jar",
                "maven app 9.9",
            ]
        );
        assert_eq!(facts.packages[1].hashes, [build::sha1(&library)]);
        assert!(facts.problems.is_empty(), "{:?}", facts.problems);
    }
}

#[test]
fn shaded_archives_tell_each_of_their_parts() {
    let mut zip = Zip::new(Shape::Deflated);
    for (group, artifact, version) in [("g.a", "app", "1.0"), ("g.b", "lib", "2.0")] {
        let (name, text) = properties(group, artifact, version);
        zip.add(&name, text.as_bytes());
    }
    // The pom of a third, whose version is its parent's.
    zip.add(
        "META-INF/maven/g.c/third/pom.xml",
        b"<project><parent><groupId>g.c</groupId><artifactId>up</artifactId>\
          <version>3.0</version></parent><artifactId>third</artifactId></project>",
    );
    let bytes = zip.finish();
    let facts = analyze("app-1.0.jar", &bytes, 4096);
    assert_eq!(
        lines(&facts),
        [
            "maven g.a:app 1.0",
            "maven g.b:lib 2.0",
            "maven g.c:third 3.0"
        ]
    );
    let hashes: Vec<_> = facts.packages.iter().map(|p| p.hashes.len()).collect();
    assert_eq!(hashes, [1, 0, 0]);
}

#[test]
fn a_script_in_front() {
    let mut bytes = b"#!/bin/bash\nexec java -jar \"$0\"\n".repeat(600);
    bytes.extend(jar("g.x", "run", "1.0"));
    for size in [1, 4096, usize::MAX] {
        let facts = analyze("run-1.0.jar", &bytes, size);
        assert_eq!(lines(&facts), ["maven g.x:run 1.0"]);
        assert!(facts.problems.is_empty());
    }
}

#[test]
fn source_trees() {
    let pom = b"<project><groupId>g</groupId><artifactId>app</artifactId><version>1</version>\
        <dependencies><dependency><groupId>g</groupId><artifactId>b</artifactId></dependency>\
        </dependencies></project>";
    let facts = analyze("src/pom.xml", pom, 100);
    assert_eq!(lines(&facts), ["maven g:app 1", "maven g:b"]);
    assert_eq!(
        reasons(&facts),
        ["pom.xml: 1 versions come from a parent or an imported list: not known"]
    );
    let packed = analyze("x/META-INF/maven/g/app/pom.xml", pom, 100);
    assert_eq!(lines(&packed), ["maven g:app 1"]);
    let (path, text) = properties("g.x", "a", "1.0");
    let facts = analyze(&format!("opt/app/{path}"), text.as_bytes(), 10);
    assert_eq!(lines(&facts), ["maven g.x:a 1.0"]);
    for (path, text) in [
        ("pom.xml", "<project>"),
        ("META-INF/maven/g/a/pom.properties", "nothing"),
        ("gradle.lockfile", "<html>"),
        ("build.sbt.lock", "{"),
    ] {
        let facts = analyze(path, text.as_bytes(), 100);
        assert_eq!(facts.problems.len(), 1, "{path}");
        assert!(facts.packages.is_empty());
    }
}
