//! Owns how a web server is reached: whom to believe, by which way to go, and what of its address
//! may be shown. Plain data; must not know who is reached, or why.

use serde::{Deserialize, Serialize};

/// Whom to believe, and by which way to go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Certificate authority file in PEM, instead of the system's.
    pub ca_file: Option<String>,
    /// SHA-256 of the server's certificate in hex; replaces chain and name checks.
    pub fingerprint: Option<String>,
    /// `http://HOST:PORT` of a proxy. The environment's is never used.
    pub proxy: Option<String>,
}

/// Scheme, host and port of an address: `https://ntfy.example.net`. Without path and query, which
/// with many services are the secret.
#[must_use]
pub fn origin(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(begin..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    url.get(..end).unwrap_or_default()
}

/// Host of an address, in lower case and without brackets.
#[must_use]
pub fn host_of(url: &str) -> String {
    let origin = origin(url);
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_origin_and_a_host() {
        assert_eq!(origin("https://a.example:8443/T0/s3cret?x=/"), "https://a.example:8443");
        assert_eq!(origin("http://[::1]:80"), "http://[::1]:80");
        let hosts =
            ["http://[::1]:80/x", "http://LOCALHOST:8/x", "https://a@b.example/"].map(host_of);
        assert_eq!(hosts, ["::1", "localhost", "b.example"]);
    }
}
