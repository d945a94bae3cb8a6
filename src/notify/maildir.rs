//! A Maildir on this machine as a way out: for hosts without any mail server, and for tests.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::model::text::shown;
use crate::notify::mail::Mail;
use crate::notify::outbox::Fate;
use crate::notify::step::{Ear, Stage};

/// Delivers a mail: one file for all its recipients.
pub(super) fn deliver(
    path: &str,
    mail: &Mail,
    recipients: &[String],
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    let name = shown(path);
    ear.at(Stage::Local);
    let file = keep(Path::new(path), mail)
        .map_err(|error| format!("Maildir {name} cannot be written: {error}"))
        .inspect_err(|trouble| ear.failed(None, trouble))?;
    for recipient in recipients {
        ear.fate(recipient, Fate::Accepted(format!("{name}/new/{file}")));
    }
    Ok(())
}

/// Writes to `tmp`, then moves to `new`: a reader never sees half a mail. A retry of the same
/// mail takes the same name, and so the place of what was there.
fn keep(root: &Path, mail: &Mail) -> io::Result<String> {
    let name = file_name(mail);
    for sub in ["tmp", "new", "cur"] {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join(sub))?;
    }
    let (draft, new) = (root.join("tmp").join(&name), root.join("new").join(&name));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(mail.bytes.replace("\r\n", "\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, &new)?;
    OpenOptions::new().read(true).open(root.join("new"))?.sync_all()?;
    Ok(name)
}

/// `SECONDS.MESSAGE-ID-CHECKSUM`: sorts by time, one name a mail.
fn file_name(mail: &Mail) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let id: String = mail.message_id.chars().map(good).take(120).collect();
    let sum = crc32fast::hash(mail.message_id.as_bytes());
    format!("{}.{}-{sum:08x}.hostwatch", mail.made_wall.0.div_euclid(1000), id.trim_matches('_'))
}
