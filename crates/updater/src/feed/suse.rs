//! SUSE: CSAF advisories and CSAF VEX, one file each.

use super::{Each, Feed, Remote, csaf};

pub(super) static SUSE: Feed = Feed {
    name: "suse",
    title: "SUSE CSAF",
    format: "CSAF 2.0 JSON, archive",
    licence: "see SUSE's terms",
    families: "os/sles/15.x, os/sled, os/sle-micro, os/opensuse-leap/15.x, os/opensuse-tumbleweed",
    refresh_hours: 12,
    default: true,
    remotes: || {
        vec![Remote::new(
            "csaf-vex.tar.bz2",
            "https://ftp.suse.com/pub/projects/security/csaf-vex.tar.bz2",
        )]
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
