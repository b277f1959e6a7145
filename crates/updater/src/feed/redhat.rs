//! Red Hat: CSAF VEX, one file a CVE, and CSAF advisories.

use super::{Each, Feed, Remote, csaf};

pub(super) static REDHAT: Feed = Feed {
    name: "redhat",
    title: "Red Hat CSAF and VEX",
    format: "CSAF 2.0 JSON, archive",
    licence: "CC-BY-4.0",
    families: "os/rhel/6 … 10 and channels (eus-9.2, openshift-4.12, …)",
    refresh_hours: 6,
    default: true,
    remotes: || {
        vec![Remote {
            file: "csaf_vex.tar.zst".to_owned(),
            mirrors: vec![
                // The archive's name carries its date; this page names the newest.
                "https://security.access.redhat.com/data/csaf/v2/vex/archive_latest.txt".to_owned(),
            ],
            checksum_suffix: ".sha256",
            pointer: true,
        }]
    },
    parser: || {
        Box::new(Each {
            wants: |name| {
                name.ends_with(".json")
                    && !name.ends_with("index.json")
                    && !name.ends_with("metadata.json")
            },
            file: |_, bytes, out| csaf::file(bytes, out),
        })
    },
};
