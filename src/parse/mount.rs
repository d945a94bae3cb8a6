//! Mount tables: `mountinfo` (proc_pid_mountinfo(5)) and the older `mounts`, `mtab` and `fstab`.
//!
//! Names may hold any byte but NUL. The kernel writes blank, tab, newline, backslash and `#` as
//! three octal digits; whatever else a person or a terminal cannot take stays written that way.

use super::{fields, lines, number};

/// Types of file systems whose files are on another machine, shared by a cluster or by a hypervisor:
/// whoever asks about them waits for a peer.
pub const REMOTE_TYPES: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "ceph",
    "9p",
    "virtiofs",
    "afs",
    "coda",
    "glusterfs",
    "lustre",
    "beegfs",
    "gpfs",
    "orangefs",
    "pvfs2",
    "panfs",
    "wekafs",
    "vboxsf",
    "vmhgfs",
    "gfs",
    "gfs2",
    "ocfs2",
];

/// One line of a mount table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Number of the mount, and of the one it stands on; `mounts` has neither.
    pub ids: Option<(u64, u64)>,
    /// Major and minor number of the file system; `mounts` has none.
    pub device: Option<(u64, u64)>,
    /// The part of the file system that is seen, `/` for all of it; `mounts` does not say.
    pub root: Option<Vec<u8>>,
    /// Where it is mounted: the path's own bytes.
    pub place: Vec<u8>,
    /// Type, such as `ext4` or `fuse.sshfs`.
    pub fstype: String,
    /// What is mounted: a device, `server:/export`, or a word: its own bytes.
    pub source: Vec<u8>,
    /// Options of this mount, such as `rw,nosuid`; in `mounts`, those of the file system too.
    pub options: String,
    /// Options of the file system itself; empty in `mounts`.
    pub super_options: String,
}

impl Mount {
    /// Whether a word such as `ro` stands in the file system's own options.
    #[must_use]
    pub fn has_super_option(&self, word: &str) -> bool {
        let options =
            if self.super_options.is_empty() { &self.options } else { &self.super_options };
        has_option(options, word)
    }
}

/// Whether a word stands in a list of options.
#[must_use]
pub fn has_option(options: &str, word: &str) -> bool {
    options.split(',').any(|option| option == word)
}

/// Takes apart a `mountinfo`; a line that is none is left out.
#[must_use]
pub fn mountinfo(text: &[u8]) -> Vec<Mount> {
    lines(text).filter_map(mountinfo_line).collect()
}

/// One line: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
#[must_use]
pub fn mountinfo_line(line: &[u8]) -> Option<Mount> {
    // Exactly one blank between fields: the source may be empty.
    let mut parts = line.split(|byte| *byte == b' ');
    let id = number(parts.next()?)?;
    let parent = number(parts.next()?)?;
    let device = device_number(parts.next()?)?;
    let root = unescape(parts.next()?);
    let place = unescape(parts.next()?);
    let options = text(parts.next()?);
    // Any number of optional fields, ended by a single dash.
    parts.by_ref().find(|field| *field == b"-")?;
    let fstype = text(parts.next()?);
    let source = parts.next().unwrap_or_default();
    let super_options = parts.next().map(text).unwrap_or_default();
    Some(Mount {
        ids: Some((id, parent)),
        device: Some(device),
        root: Some(root),
        place,
        fstype,
        source: unescape(source),
        options,
        super_options,
    })
}

/// Takes apart a `mounts`, `mtab` or `fstab`; comments and lines that are none are left out.
#[must_use]
pub fn mounts(text_bytes: &[u8]) -> Vec<Mount> {
    lines(text_bytes)
        .filter_map(|line| {
            let mut parts = fields(line);
            let source = parts.next()?;
            if source.starts_with(b"#") {
                return None;
            }
            let place = unescape(parts.next()?);
            let fstype = text(parts.next()?);
            let options = parts.next().map(text).unwrap_or_default();
            Some(Mount { place, fstype, source: unescape(source), options, ..Mount::default() })
        })
        .collect()
}

fn device_number(field: &[u8]) -> Option<(u64, u64)> {
    let colon = field.iter().position(|byte| *byte == b':')?;
    let (major, minor) = field.split_at(colon);
    Some((number(major)?, number(minor.get(1..)?)?))
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Turns `\040` and the like into the bytes they stand for; anything else stays as it is.
#[must_use]
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'\\'
            && let Some(byte) = after.get(..3).and_then(octal)
        {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// A name as a person reads it: UTF-8 as it is; control characters, and bytes that are not UTF-8,
/// as three octal digits.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    push_octal(&mut name, byte);
                }
            } else {
                name.push(character);
            }
        }
        for byte in chunk.invalid() {
            push_octal(&mut name, *byte);
        }
    }
    name
}

/// A name as one field of ASCII text without blanks, for [`unescape`] to read back.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            name.push(char::from(*byte));
        } else {
            push_octal(&mut name, *byte);
        }
    }
    name
}

fn push_octal(name: &mut String, byte: u8) {
    name.push('\\');
    for shift in [6, 3, 0] {
        name.push(char::from(b'0' + ((byte >> shift) & 7)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const SAMPLE: &str = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n\
        29 1 8:1 / / rw - ext4 /dev/sda1 ro\n";

    #[test]
    fn optional_fields_and_escapes() {
        let table = mountinfo(SAMPLE.as_bytes());
        assert_eq!(table.len(), 2);
        assert_eq!(table[0].place, b"/mnt 2");
        assert_eq!(table[0].ids, Some((36, 35)));
        assert_eq!(table[0].device, Some((98, 0)));
        assert_eq!(table[0].fstype, "ext3");
        assert!(table[0].has_super_option("errors=continue"));
        assert!(!table[0].has_super_option("ro"));
        assert!(table[1].has_super_option("ro"), "not the mount's own rw");
    }

    #[test]
    fn one_bad_line_or_name_loses_nothing_else() {
        let text = b"garbage\n36 35 8:2 / /a\xff\\134b\\012 rw - xfs /dev/sdb rw\n\
            40 35 x:y / /c rw - xfs /dev/sdc rw\n41 35 8:3 / /d rw - 9p  rw\n";
        let table = mountinfo(text);
        assert_eq!(table.len(), 2);
        assert_eq!(table[0].place, b"/a\xff\\b\n");
        assert_eq!(readable(&table[0].place), "/a\\377\\b\\012");
        assert_eq!(unescape(escape(&table[0].place).as_bytes()), table[0].place);
        assert_eq!((table[1].source.as_slice(), table[1].super_options.as_str()), (&b""[..], "rw"));
    }

    #[test]
    fn the_older_format_and_fstab() {
        let table =
            mounts(b"# static\n/dev/sda1 /srv\\040x ext4 rw,errors=remount-ro 0 1\nnone /y\n");
        assert_eq!(table.len(), 1);
        assert_eq!(table[0].place, b"/srv x");
        assert!(table[0].has_super_option("errors=remount-ro"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(SAMPLE)) {
            for mount in mountinfo(&text).into_iter().chain(mounts(&text)) {
                prop_assert!(!readable(&mount.place).chars().any(char::is_control));
                prop_assert_eq!(unescape(escape(&mount.place).as_bytes()), mount.place);
            }
        }
    }
}
