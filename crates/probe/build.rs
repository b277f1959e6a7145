//! Compiles `bpf/rampart.bpf.c` with clang and embeds the object.
//!
//! `RAMPART_SKIP_BPF=1` embeds nothing: the crate builds without clang, and starting a probe says
//! so. `CLANG` names another compiler.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?;
    let source = PathBuf::from(crate_dir).join("../../bpf");
    println!("cargo:rerun-if-env-changed=RAMPART_SKIP_BPF");
    println!("cargo:rerun-if-env-changed=CLANG");
    watch(&source)?;
    let object = out.join("rampart.bpf.o");
    if env::var_os("RAMPART_SKIP_BPF").is_some_and(|v| !v.is_empty() && v != "0") {
        fs::write(&object, b"")?;
        return Ok(());
    }
    compile(&source, &object)
}

fn watch(dir: &Path) -> Result<()> {
    println!("cargo:rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            watch(&path)?;
        } else {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    Ok(())
}

fn compile(source: &Path, object: &Path) -> Result<()> {
    let headers =
        env::var_os("DEP_BPF_INCLUDE").ok_or("libbpf-sys did not say where its headers are")?;
    let arch = match env::var_os("CARGO_CFG_TARGET_ARCH")
        .unwrap_or_default()
        .to_str()
    {
        Some("x86_64") => "x86",
        Some("aarch64") => "arm64",
        other => return Err(format!("no kernel programs for {other:?}").into()),
    };
    let clang = compiler()?;
    let status = Command::new(&clang)
        .args(["-g", "-O2", "-Wall", "-Werror", "-Wno-unused-function"])
        .args(["-target", "bpf", "-mcpu=v3"])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .arg("-I")
        .arg(&headers)
        .arg("-I")
        .arg(source)
        .arg("-c")
        .arg(source.join("rampart.bpf.c"))
        .arg("-o")
        .arg(object)
        .status()?;
    if !status.success() {
        return Err(format!("{} failed on bpf/rampart.bpf.c", clang.display()).into());
    }
    Ok(())
}

fn compiler() -> Result<PathBuf> {
    let named: Option<OsString> = env::var_os("CLANG");
    let candidates = named.into_iter().chain(["clang-19".into(), "clang".into()]);
    for candidate in candidates {
        if Command::new(&candidate)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
        {
            return Ok(candidate.into());
        }
    }
    Err(
        "clang is missing: install clang-19, or set RAMPART_SKIP_BPF=1 to build without kernel \
         programs"
            .into(),
    )
}
