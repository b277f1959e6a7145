//! The install's own certificate authority and the server certificate of REST and console.
//!
//! Made at first start, kept under `<data>/tls` with keys readable by the owner only, and the
//! server certificate made again when its names change or its time runs out.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Certificates and key in PEM.
pub(crate) struct Certs {
    pub(crate) ca_pem: String,
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
    pub(crate) ca_path: PathBuf,
}

const CA_DAYS: u64 = 3650;
const SERVER_DAYS: u64 = 365;
const RENEW_BEFORE_DAYS: u64 = 30;
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn load_or_make(data: &Path, names: &[String]) -> Result<Certs> {
    let folder = data.join("tls");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let ca_path = folder.join("ca.pem");
    let ca_key_path = folder.join("ca.key");
    if !ca_path.exists() || !ca_key_path.exists() {
        let (cert, key) = make_ca()?;
        write_private(&ca_key_path, &key)?;
        write_private(&ca_path, &cert)?;
    }
    let ca_pem = read(&ca_path)?;
    let ca_key_pem = read(&ca_key_path)?;
    let (cert_path, key_path, names_path) = (
        folder.join("server.pem"),
        folder.join("server.key"),
        folder.join("server.names"),
    );
    let wanted = names.join("\n");
    if !is_current(&cert_path, &names_path, &wanted) {
        let (cert, key) = make_server(&ca_pem, &ca_key_pem, names)?;
        write_private(&key_path, &key)?;
        write_private(&cert_path, &cert)?;
        write_private(&names_path, &wanted)?;
    }
    Ok(Certs {
        ca_pem,
        cert_pem: read(&cert_path)?,
        key_pem: read(&key_path)?,
        ca_path,
    })
}

fn make_ca() -> Result<(String, String)> {
    let key = KeyPair::generate().context("cannot make the authority's key")?;
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Rampart install authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, CA_DAYS);
    let cert = params.self_signed(&key)?;
    Ok((cert.pem(), key.serialize_pem()))
}

fn make_server(ca_pem: &str, ca_key_pem: &str, names: &[String]) -> Result<(String, String)> {
    let issuer = Issuer::from_ca_cert_pem(ca_pem, KeyPair::from_pem(ca_key_pem)?)
        .context("the authority under <data>/tls is damaged: restore it, or remove the folder to make a new one")?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())
        .context("a name in --tls-names is neither a host name nor an address")?;
    params
        .distinguished_name
        .push(DnType::CommonName, "rampart");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_validity(&mut params, SERVER_DAYS);
    let cert = params.signed_by(&key, &issuer)?;
    Ok((cert.pem(), key.serialize_pem()))
}

/// Back-dated a day, so that a clock that is a little behind does not refuse it.
fn set_validity(params: &mut CertificateParams, days: u64) {
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * u32::try_from(days).unwrap_or(u32::MAX)).into();
}

/// Made for these names and not about to expire (its age is its file's age).
fn is_current(cert: &Path, names: &Path, wanted: &str) -> bool {
    let age = fs::metadata(cert)
        .and_then(|m| m.modified())
        .ok()
        .and_then(|at| at.elapsed().ok());
    let lasts = DAY * u32::try_from(SERVER_DAYS - RENEW_BEFORE_DAYS).unwrap_or(0);
    age.is_some_and(|age| age < lasts) && fs::read_to_string(names).is_ok_and(|kept| kept == wanted)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Written whole beside its place, then renamed: never half a key.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(|| format!("cannot write {}", temporary.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn kept_over_restarts_and_made_again_for_new_names() {
        let folder = tempfile::tempdir().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = load_or_make(folder.path(), &names).unwrap();
        let again = load_or_make(folder.path(), &names).unwrap();
        assert_eq!(first.cert_pem, again.cert_pem);
        let more = vec!["localhost".to_owned(), "rampart.example".to_owned()];
        let renamed = load_or_make(folder.path(), &more).unwrap();
        assert_ne!(first.cert_pem, renamed.cert_pem);
        assert_eq!(first.ca_pem, renamed.ca_pem);
        let mode = fs::metadata(folder.path().join("tls/ca.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
