//! Which way mail goes when the configuration names none: the local `sendmail`, else a Maildir.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::notify::relay::Relay;

/// Where `sendmail` stands: FHS 3.0 names the first, older systems the second.
const SENDMAIL: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];

/// The configured ways out, or the one that this machine offers.
#[must_use]
pub fn find(configured: &[Relay], state_directory: &Path) -> Vec<Relay> {
    if !configured.is_empty() {
        return configured.to_vec();
    }
    let executable = |path: &&&str| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    match SENDMAIL.iter().find(executable) {
        Some(path) => vec![Relay::Sendmail { path: (*path).to_owned() }],
        None => {
            let path = state_directory.join("Maildir");
            vec![Relay::Maildir { path: path.to_string_lossy().into_owned() }]
        }
    }
}
