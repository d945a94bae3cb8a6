//! Which server is believed: its certificate by authority and name, by fingerprint, or (where
//! TLS is only opportunistic) any. Says in plain words why one is not. Must not know: what is said
//! under TLS.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
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
use crate::net::route::Route;

/// Decides about a server's certificate, and remembers what it saw for the message to a person.
#[derive(Debug)]
pub struct Guard {
    rule: Rule,
    provider: Arc<CryptoProvider>,
    /// The certificate that was shown last, in DER.
    seen: Mutex<Option<Vec<u8>>>,
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
    ///
    /// # Errors
    /// TLS cannot be used at all.
    pub fn any() -> Result<Arc<Self>, String> {
        Self::build(|_| Ok(Rule::Any), false)
    }

    /// Believes what a route says: the fingerprint alone where there is one, else the authorities.
    ///
    /// # Errors
    /// As [`Self::pinned`] and [`Self::authority`].
    pub fn of(route: &Route) -> Result<Arc<Self>, String> {
        match &route.fingerprint {
            Some(fingerprint) => Self::pinned(fingerprint),
            None => Self::authority(route.ca_file.as_deref()),
        }
    }

    /// Believes the server with this SHA-256 fingerprint alone.
    ///
    /// # Errors
    /// It is no fingerprint.
    pub fn pinned(fingerprint: &str) -> Result<Arc<Self>, String> {
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
    ///
    /// # Errors
    /// In words: the file cannot be read, or there is no authority.
    pub fn authority(ca_file: Option<&str>) -> Result<Arc<Self>, String> {
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
        Ok(Arc::new(Self { rule: rule(&provider)?, provider, seen: Mutex::new(None), own }))
    }

    /// What a connection needs to ask this guard. One for all connections to a server that is met
    /// again: they share what shortens a handshake.
    ///
    /// # Errors
    /// In words: TLS cannot be used at all.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ClientConfig>, String> {
        let judge: Arc<dyn ServerCertVerifier> = Arc::<Self>::clone(self);
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// The certificate that was shown last, in DER.
    #[must_use]
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.seen.lock().ok()?.clone()
    }

    /// Why the certificate was not believed, and what a person can do about it; nothing if the
    /// handshake failed for another reason. `name` is the server's for people, `host` the name that
    /// the certificate must be for.
    #[must_use]
    pub fn refusal(&self, name: &str, host: &str, error: &io::Error) -> Option<String> {
        match rustls_error(error)? {
            rustls::Error::InvalidCertificate(why) => Some(self.explain(name, host, why)),
            _ => None,
        }
    }

    fn explain(&self, name: &str, host: &str, why: &CertificateError) -> String {
        let seen = self.certificate().and_then(|seen| fingerprint(&seen)).unwrap_or_default();
        let pin = format!("or pin it: `fingerprint: {seen}`");
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
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(end_entity.to_vec());
        }
        match &self.rule {
            Rule::Any => Ok(ServerCertVerified::assertion()),
            Rule::Pin(wanted) if fingerprint(end_entity).as_ref() == Some(wanted) => {
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

/// What rustls says of a handshake, behind the error of the socket.
pub(super) fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// The name that the certificate must be for.
///
/// # Errors
/// It is no host name.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|_| format!("\"{}\" is no host name for TLS", shown(host)))
}

fn read_authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let unread = |why: String| format!("ca file {} cannot be read: {why}", shown(path));
    let mut text = Vec::new();
    OpenOptions::new()
        .read(true)
        .open(path)
        .and_then(|file| file.take(CA_FILE_BYTES as u64 + 1).read_to_end(&mut text))
        .map_err(|error| unread(error.to_string()))?;
    if text.len() > CA_FILE_BYTES {
        return Err(unread(format!("it is larger than {CA_FILE_BYTES} bytes")));
    }
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("ca file {} is no PEM file: {error}", shown(path)))
}
