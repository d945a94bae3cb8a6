//! A certificate authority for one test, and the certificate of a server on 127.0.0.1 from it.

use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::running::Room;

/// Makes `NAME.crt` and `NAME.key` for the host in the room's folder, and `ca.crt`, which vouches for
/// them.
pub(crate) fn certify(room: &Room, folder: &str, host: &str) {
    let at = |name: &str| room.text(&format!("{folder}/{name}"));
    room.folder(folder);
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let mut authority = vec!["req", "-x509", "-days", "30", "-subj", "/CN=lab CA"];
    let (key, certificate) = (at("ca.key"), at("ca.crt"));
    authority.extend(curve);
    authority.extend(["-keyout", &key, "-out", &certificate]);
    openssl(&authority);

    let subject = format!("/CN={host}");
    let (own_key, asked) = (at(&format!("{host}.key")), at("asked.csr"));
    let mut leaf = vec!["req", "-subj", &subject];
    leaf.extend(curve);
    leaf.extend(["-keyout", &own_key, "-out", &asked]);
    openssl(&leaf);

    // A leaf: rustls takes no authority for a server.
    let (extensions, own) = (at("extensions"), at(&format!("{host}.crt")));
    let text = format!(
        "subjectAltName=DNS:{host},DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n\
         extendedKeyUsage=serverAuth,clientAuth\n"
    );
    std::fs::write(&extensions, text).unwrap();
    let mut signing = vec!["x509", "-req", "-days", "30", "-in", &asked, "-CA", &certificate];
    signing.extend(["-CAkey", &key, "-CAcreateserial", "-extfile", &extensions, "-out", &own]);
    openssl(&signing);
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).stdin(Stdio::null()).output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {why}");
}

/// Believes the authority of that folder, and no other.
pub(crate) fn believes(room: &Room, folder: &str) -> Arc<ClientConfig> {
    let path = room.path(&format!("{folder}/ca.crt"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}
