//! Which server is believed: its certificate by authority and name, by fingerprint, or (where
//! TLS is only opportunistic) any. Says in plain words why one is not.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::model::limit::CA_FILE_BYTES;
use crate::model::text::shown;
use crate::parse::x509;

/// Decides about a server's certificate, and remembers what it saw for the message to a person.
#[derive(Debug)]
pub(super) struct Guard {
    rule: Rule,
    provider: Arc<CryptoProvider>,
    /// Fingerprint of the certificate that was shown last.
    seen: Mutex<Option<String>>,
    /// When the life of that certificate ends, in seconds of Unix time.
    ends_unix: Mutex<Option<i64>>,
    /// Whether the authority is one that the configuration names.
    own: bool,
}

#[derive(Debug)]
enum Rule {
    Any,
    Authority(Arc<WebPkiServerVerifier>),
    /// SHA-256 in lower-case hex without colons.
    Pin(String),
}

impl Guard {
    /// Believes any server: the line is private, but nobody knows with whom.
    pub(super) fn any() -> Result<Arc<Self>, String> {
        Self::build(|_| Ok(Rule::Any), false)
    }

    /// Believes the server with this SHA-256 fingerprint alone.
    pub(super) fn pinned(fingerprint: &str) -> Result<Arc<Self>, String> {
        let hex: String =
            fingerprint.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
        if hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            let text = shown(fingerprint);
            return Err(format!("fingerprint \"{text}\" is no SHA-256: 64 hex digits are needed"));
        }
        Self::build(|_| Ok(Rule::Pin(hex)), false)
    }

    /// Believes servers whose name an authority vouches for: those of `ca_file`, else the
    /// system's.
    pub(super) fn authority(ca_file: Option<&str>) -> Result<Arc<Self>, String> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                for certificate in read_authorities(path)? {
                    roots.add(certificate).map_err(|error| {
                        format!("ca file {}: a certificate in it is broken: {error}", shown(path))
                    })?;
                }
            }
            None => {
                let (_, _) =
                    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(match ca_file {
                Some(path) => format!("ca file {} holds no certificate in PEM", shown(path)),
                None => "this system has no certificate authorities: install ca-certificates, or \
                         give the server's own with `ca`"
                    .to_owned(),
            });
        }
        let build = |provider: &Arc<CryptoProvider>| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map(Rule::Authority)
                .map_err(|error| format!("certificate authorities cannot be used: {error}"))
        };
        Self::build(build, ca_file.is_some())
    }

    fn build(
        rule: impl FnOnce(&Arc<CryptoProvider>) -> Result<Rule, String>,
        own: bool,
    ) -> Result<Arc<Self>, String> {
        let provider = Arc::new(ring::default_provider());
        Ok(Arc::new(Self {
            rule: rule(&provider)?,
            provider,
            seen: Mutex::new(None),
            ends_unix: Mutex::new(None),
            own,
        }))
    }

    pub(super) fn config(self: &Arc<Self>) -> Result<Arc<ClientConfig>, String> {
        let judge: Arc<dyn ServerCertVerifier> = Arc::<Self>::clone(self);
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// When the life of the certificate that was shown last ends, in seconds of Unix time.
    pub(super) fn ends_unix(&self) -> Option<i64> {
        self.ends_unix.lock().ok().and_then(|ends| *ends)
    }

    /// Why the handshake failed, and what a person can do about it.
    pub(super) fn explain(&self, name: &str, host: &str, error: &io::Error, plain: &str) -> String {
        let seen = self.seen.lock().ok().and_then(|seen| seen.clone()).unwrap_or_default();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(inner) = inner else {
            return format!(
                "{name}: TLS failed: {plain}; does this port speak TLS from the first byte \
                 (`tls: implicit`) or after STARTTLS (`tls: required`)?"
            );
        };
        let pin = format!("or pin it: `fingerprint: {seen}`");
        let rustls::Error::InvalidCertificate(why) = inner else {
            return format!(
                "{name}: TLS failed: {inner}; does this port speak TLS from the first byte \
                 (`tls: implicit`) or after STARTTLS (`tls: required`)?"
            );
        };
        let host = shown(host);
        if let Rule::Pin(wanted) = &self.rule {
            return format!(
                "{name} shows another certificate than the pinned one: its fingerprint is {seen}, \
                 not {wanted}; if it was renewed, pin the new one, else somebody is in between"
            );
        }
        // A reason of webpki that rustls hands on as "other".
        if format!("{why:?}").contains("CaUsedAsEndEntity") {
            return format!(
                "{name} shows a self-signed certificate that is marked as an authority, which \
                 cannot also be a server's: give the server a certificate of its own, {pin}"
            );
        }
        match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature if self.own => {
                format!(
                    "{name} shows a certificate that the authority in `ca` did not sign: give the \
                 right authority's file, {pin}"
                )
            }
            CertificateError::UnknownIssuer => format!(
                "{name} shows a certificate that no authority of this system signed: if it is \
                 your own, give its authority's file with `ca`, {pin}"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!(
                    "{name} shows a certificate for another name than {host}: use the name in the \
                     certificate, {pin}"
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "{name} shows a certificate that has expired: renew it (or is this host's clock \
                 wrong?)"
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
                "{name} shows a certificate that is not valid yet: is this host's clock right?"
            ),
            other => format!("{name} shows a certificate that cannot be believed: {other}; {pin}"),
        }
    }
}

impl ServerCertVerifier for Guard {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fingerprint = fingerprint(end_entity);
        if let Ok(mut seen) = self.seen.lock() {
            seen.clone_from(&fingerprint);
        }
        if let Ok(mut ends) = self.ends_unix.lock() {
            *ends = x509::ends_unix(end_entity);
        }
        match &self.rule {
            Rule::Any => Ok(ServerCertVerified::assertion()),
            Rule::Pin(wanted) if fingerprint.as_ref() == Some(wanted) => {
                Ok(ServerCertVerified::assertion())
            }
            Rule::Pin(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Rule::Authority(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        }
    }

    // The server must prove in any case that the certificate it shows is its own.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// SHA-256 in hex, by the hash function that a TLS suite brings along.
fn fingerprint(certificate: &[u8]) -> Option<String> {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    let mut hex = String::new();
    for byte in suite.common.hash_provider.hash(certificate).as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

/// The name that the certificate must be for.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|_| format!("\"{}\" is no host name for TLS", shown(host)))
}

fn read_authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = super::deliver::read_bounded(std::path::Path::new(path), CA_FILE_BYTES)
        .map_err(|error| format!("ca file {} cannot be read: {error}", shown(path)))?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("ca file {} is no PEM file: {error}", shown(path)))
}
