//! What is a mail address, a host name, a server. Pure.

use super::types::is_name;

/// Whether a text is one bare mail address, or a local user.
///
/// # Errors
/// What is wrong with it.
pub(super) fn mail_address(text: &str) -> Result<(), &'static str> {
    if !text.is_ascii() {
        return Err("only ASCII: mail servers without SMTPUTF8 refuse others");
    }
    if text.bytes().any(|b| !b.is_ascii_graphic() || b"<>(),;:\\\"[]".contains(&b)) {
        return Err("no spaces, no name, no brackets: one bare address");
    }
    if text.len() > 254 {
        return Err("longer than 254 characters");
    }
    match text.rsplit_once('@') {
        None if !text.is_empty() && is_name(text) => Ok(()),
        None => Err("`user@domain`, or the name of a local user"),
        Some((local, domain)) => {
            if local.is_empty() || local.len() > 64 || local.contains('@') {
                return Err("one `@` between user and domain");
            }
            if local.starts_with('-') {
                return Err("must not start with `-`: programs would take it for an option");
            }
            host_name(domain).map_err(|_| "the part behind `@` is not a domain")
        }
    }
}

/// Whether a text is a host name, or an address in brackets.
///
/// # Errors
/// What is wrong with it.
pub(super) fn host_name(text: &str) -> Result<(), &'static str> {
    let literal = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = literal {
        let address = address.strip_prefix("IPv6:").unwrap_or(address);
        let valid = address.parse::<std::net::IpAddr>().is_ok();
        return if valid { Ok(()) } else { Err("not an address in brackets") };
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label) {
        Ok(())
    } else {
        Err("letters, digits, `-` and dots")
    }
}

/// Host and port of `host`, `host:port`, `[v6]` and `[v6]:port`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn endpoint(text: &str) -> Result<(String, Option<u16>), &'static str> {
    let port = |text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("the port must be 1 to 65535"),
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, tail) = rest.split_once(']').ok_or("`]` is missing")?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| "not an IPv6 address in brackets")?;
        return match tail.strip_prefix(':') {
            None if tail.is_empty() => Ok((address.to_owned(), None)),
            None => Err("a port is written `[address]:port`"),
            Some(tail) => Ok((address.to_owned(), Some(port(tail)?))),
        };
    }
    if text.matches(':').count() > 1 {
        return Err("an IPv6 address stands in brackets: `[::1]:25`");
    }
    match text.split_once(':') {
        None => host_name(text).map(|()| (text.to_owned(), None)),
        Some((host, tail)) => {
            host_name(host)?;
            Ok((host.to_owned(), Some(port(tail)?)))
        }
    }
}
