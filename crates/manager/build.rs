//! Makes sure `ui/dist` exists, so that the crate builds before the console is built and is
//! rebuilt when the console is.

use std::{fs, path::Path};

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    // An absent path would make cargo run this script, and so rebuild the crate, every time.
    // On a read-only source tree that is all that happens.
    let _ = fs::create_dir_all(&dist);
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
}
