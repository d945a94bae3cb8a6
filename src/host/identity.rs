//! Who the observed machine is: its short and its full name.
//!
//! No name service is asked: a resolver that hangs must not delay the start. The full name is
//! looked for where `hostname -f` finds it on most servers, in the hosts file.

use super::Host;
use super::file::{Shape, read};
use crate::model::id::HostIdentity;

impl Host {
    /// Short and full name; `localhost` when the machine does not know its own.
    #[must_use]
    pub fn identity(&self) -> HostIdentity {
        let text_of = |path: &str| {
            let bytes = read(self, path, Shape::UntilEnd).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let first_line = |path: &str| {
            let text = text_of(path);
            text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
        };
        let name = first_line("proc/sys/kernel/hostname")
            .or_else(|| first_line("etc/hostname"))
            .unwrap_or_else(|| "localhost".to_owned());
        let hosts = text_of("etc/hosts");
        let fqdn = full_name(&name, &hosts);
        let short = name.split('.').next().unwrap_or(&name).to_owned();
        HostIdentity { name: short, fqdn, timezone: "local".to_owned(), ..HostIdentity::default() }
    }
}

/// The full name of `name` by the text of a hosts file (hosts(5): address, canonical name,
/// aliases).
fn full_name(name: &str, hosts: &str) -> String {
    if name.contains('.') {
        return name.to_owned();
    }
    hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>())
        .filter(|names| names.contains(&name))
        .find_map(|names| {
            let own = format!("{name}.");
            names.iter().find(|full| full.starts_with(&own)).map(|full| (*full).to_owned())
        })
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_comes_from_the_hosts_file() {
        let hosts =
            "127.0.0.1 localhost\n127.0.1.1\tdb03.example.net db03 # own\n::1 ip6-localhost";
        assert_eq!(full_name("db03", hosts), "db03.example.net");
        assert_eq!(full_name("web", hosts), "web");
        assert_eq!(full_name("web.example.org", hosts), "web.example.org");
        assert_eq!(
            full_name("localhost", "127.0.0.1 localhost localhost.localdomain"),
            "localhost.localdomain"
        );
    }
}
