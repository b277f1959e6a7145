//! The distribution as each family's files tell it.

use super::layer::LayerBuilder;
use rampart_model::Distro;
use rampart_vuln::{analyze::distro::parse, merge::merge};

/// `path=text` of each file → id, version, full version, codename.
#[track_caller]
fn check(files: &[(&str, &str)], want: [&str; 4]) {
    let layer = files
        .iter()
        .fold(LayerBuilder::default(), |layer, (path, text)| {
            layer.file(path, text)
        });
    let distro = merge(vec![layer.build()]).distro.expect("a distribution");
    let got = [
        &distro.id,
        &distro.version,
        &distro.full_version,
        &distro.codename,
    ];
    assert_eq!(got.map(String::as_str), want, "{files:?}");
}

const OS: &str = "etc/os-release";

#[test]
fn debian_and_ubuntu_by_all_their_files() {
    check(
        &[
            (
                "usr/lib/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n",
            ),
            ("etc/debian_version", "12.5\n"),
        ],
        ["debian", "12", "12.5", "bookworm"],
    );
    check(
        &[
            (
                OS,
                "PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\nVERSION_CODENAME=forky\n",
            ),
            ("etc/debian_version", "forky/sid\n"),
        ],
        ["debian", "14", "", "forky"],
    );
    check(
        &[(
            OS,
            "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nID=debian\n",
        )],
        ["debian", "13", "", "trixie"],
    );
    check(
        &[
            (
                OS,
                "ID=ubuntu\nID_LIKE=debian\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\n",
            ),
            ("etc/debian_version", "bookworm/sid\n"),
            (
                "etc/lsb-release",
                "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n",
            ),
        ],
        ["ubuntu", "22.04", "22.04.4", "jammy"],
    );
}

#[test]
fn each_family_as_its_advisories_name_it() {
    for (text, want) in [
        (
            "ID=alpine\nVERSION_ID=3.19.1\n",
            ["alpine", "3.19", "3.19.1", ""],
        ),
        (
            "ID=alpine\nVERSION_ID=3.21_alpha20240923\n",
            ["alpine", "edge", "3.21_alpha20240923", ""],
        ),
        (
            "ID=wolfi\nVERSION_ID=\"20230201\"\n",
            ["wolfi", "", "20230201", ""],
        ),
        (
            "ID=\"almalinux\"\nVERSION_ID=\"9.4\"\nID_LIKE=\"rhel centos fedora\"\n",
            ["almalinux", "9", "9.4", ""],
        ),
        (
            "ID=\"rhel\"\nVERSION_ID=\"8.10\"\n",
            ["rhel", "8", "8.10", ""],
        ),
        ("ID='ol'\nVERSION_ID='7.9'\n", ["ol", "7", "7.9", ""]),
        (
            "ID=\"sles\"\nVERSION=\"15-SP5\"\nVERSION_ID=\"15.5\"\n",
            ["sles", "15.5", "15.5", ""],
        ),
        (
            "ID=\"opensuse-leap\"\nVERSION_ID=\"15.6\"\n",
            ["opensuse-leap", "15.6", "15.6", ""],
        ),
        (
            "ID=\"opensuse-tumbleweed\"\nVERSION_ID=\"20240101\"\n",
            ["opensuse-tumbleweed", "", "20240101", ""],
        ),
        (
            "ID=\"amzn\"\nVERSION_ID=\"2023\"\n",
            ["amzn", "2023", "2023", ""],
        ),
        (
            "ID=\"amzn\"\nVERSION_ID=\"2018.03\"\n",
            ["amzn", "1", "2018.03", ""],
        ),
        ("ID=photon\nVERSION_ID=4.0\n", ["photon", "4.0", "4.0", ""]),
        (
            "ID=mariner\nVERSION_ID=\"2.0.20240123\"\n",
            ["mariner", "2.0", "2.0.20240123", ""],
        ),
        (
            "ID=azurelinux\nVERSION_ID=\"3.0\"\n",
            ["azurelinux", "3.0", "3.0", ""],
        ),
        ("ID=fedora\nVERSION_ID=39\n", ["fedora", "39", "39", ""]),
        ("ID=arch\nBUILD_ID=rolling\n", ["arch", "", "", ""]),
        (
            "# comment\n\n ID = \"Unknown Thing\" \nVERSION_ID=\"1\\\"2\"\n",
            ["unknown thing", "1\"2", "1\"2", ""],
        ),
    ] {
        check(&[(OS, text)], want);
    }
}

#[test]
fn without_os_release_older_files_tell() {
    for (path, text, want) in [
        (
            "etc/redhat-release",
            "CentOS release 6.10 (Final)\n",
            ["centos", "6", "6.10", ""],
        ),
        (
            "etc/redhat-release",
            "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n",
            ["rhel", "7", "7.9", ""],
        ),
        (
            "etc/redhat-release",
            "Rocky Linux release 9.3 (Blue Onyx)",
            ["rocky", "9", "9.3", ""],
        ),
        (
            "etc/system-release",
            "Amazon Linux AMI release 2018.03\n",
            ["amzn", "1", "2018.03", ""],
        ),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
            ["sles", "11.4", "11.4", ""],
        ),
        (
            "etc/alpine-release",
            "3.10.4\n",
            ["alpine", "3.10", "3.10.4", ""],
        ),
        (
            "etc/lsb-release",
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\nDISTRIB_CODENAME=precise\n",
            ["ubuntu", "12.04", "12.04", "precise"],
        ),
        ("etc/debian_version", "7.11\n", ["debian", "7", "7.11", ""]),
    ] {
        check(&[(path, text)], want);
    }
    // Oracle's redhat-release speaks of Red Hat: its own file decides.
    check(
        &[
            (
                "etc/redhat-release",
                "Red Hat Enterprise Linux release 8.9 (Ootpa)\n",
            ),
            ("etc/oracle-release", "Oracle Linux Server release 8.9\n"),
        ],
        ["ol", "8", "8.9", ""],
    );
    // A finer version beside os-release.
    check(
        &[
            (OS, "ID=\"centos\"\nVERSION_ID=\"7\"\n"),
            (
                "etc/centos-release",
                "CentOS Linux release 7.9.2009 (Core)\n",
            ),
        ],
        ["centos", "7", "7.9.2009", ""],
    );
}

#[test]
fn nonsense_is_no_distribution() {
    for text in ["", "\n", "VERSION_ID=1\n", "\u{0}\u{1}", "=\n", "ID=\n"] {
        assert_eq!(parse(OS, text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse("etc/redhat-release", b"My own thing"), None);
    assert_eq!(parse("etc/passwd", b"ID=debian"), None);
    let long = format!("ID=debian\nVERSION_ID=\"{}\"\n", "9".repeat(60_000));
    assert!(parse(OS, long.as_bytes()).unwrap().full_version.len() <= 512);
}

/// Debian's own table of its releases and of Ubuntu's, where the machine has it.
#[test]
fn ends_of_support_agree_with_distro_info() {
    let mut compared = 0;
    // The column of the last free day, and of the day after which only paid support is left.
    for (file, id, free, extended) in [
        ("debian.csv", "debian", "eol-lts", ""),
        ("ubuntu.csv", "ubuntu", "eol", "eol-esm"),
    ] {
        let Ok(text) = std::fs::read_to_string(format!("/usr/share/distro-info/{file}")) else {
            println!("skipped: distro-info-data is not installed");
            return;
        };
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let heads = lines.next().unwrap();
        let column = |name: &str| heads.iter().position(|head| *head == name);
        for line in lines {
            let cell = |name: &str| {
                column(name)
                    .and_then(|at| line.get(at))
                    .copied()
                    .unwrap_or("")
            };
            let version = line[0].trim_end_matches(" LTS").to_owned();
            let distro = Distro {
                id: id.to_owned(),
                version: match id {
                    "debian" => version.trim_end_matches(".0").to_owned(),
                    _ => version.clone(),
                },
                ..Distro::default()
            };
            let Some(support) = rampart_vuln::eol::support(&distro) else {
                continue;
            };
            // An older copy of the table does not know yet. A server was once supported for longer.
            let ends = cell(free).max(cell("eol-server"));
            if !ends.is_empty() {
                assert_eq!(support.ends, ends, "{id} {version}");
                compared += 1;
            }
            if !extended.is_empty() && !cell(extended).is_empty() {
                assert_eq!(support.extended_ends, cell(extended), "{id} {version}");
            }
        }
    }
    println!("{compared} releases compared with distro-info-data");
    assert!(compared > 30);
}
