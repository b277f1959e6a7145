//! Arch Linux's folder of installed packages.

use super::layer::LayerBuilder;
use rampart_vuln::merge::merge;

#[test]
fn desc_and_files() {
    let folder = "var/lib/pacman/local/gcc-libs-13.2.1-3";
    let layer = LayerBuilder::default()
        .file(
            &format!("{folder}/desc"),
            "%NAME%\ngcc-libs\n\n%VERSION%\n13.2.1-3\n\n%BASE%\ngcc\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL3\nLGPL\n\n%PACKAGER%\nA <a@archlinux.org>\n",
        )
        .file(&format!("{folder}/files"), "%FILES%\nusr/\nusr/lib/\nusr/lib/libgcc_s.so.1\n")
        .file("var/lib/pacman/local/broken-1-1/desc", "%NAME%\nbroken\n")
        .build();
    let artifact = merge(vec![layer]);
    assert_eq!(artifact.packages.len(), 1);
    let package = &artifact.packages[0];
    assert_eq!(
        (package.name.as_str(), package.version.as_str()),
        ("gcc-libs", "13.2.1-3")
    );
    assert_eq!(package.source.as_ref().unwrap().name, "gcc");
    assert_eq!(package.licenses, ["GPL-3.0-only", "LGPL"]);
    assert_eq!(
        artifact.programs.owners("/usr/lib/libgcc_s.so.1").count(),
        1
    );
    assert_eq!(artifact.problems.len(), 1);
    assert_eq!(
        artifact.problems[0].path,
        "var/lib/pacman/local/broken-1-1/desc"
    );
}
