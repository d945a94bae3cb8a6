//! What a type of file system means for watching it: whether its fill level says anything, and
//! whether asking may wait.

use crate::parse::mount::REMOTE_TYPES;

/// What is known of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// On a local disk; statfs is answered from the superblock in memory.
    Memory,
    /// In memory only: fills, but is small by design or sized by the kernel.
    Volatile,
    /// Asking may wait for a disk transaction, a peer or a process.
    MayWait,
    /// May wait, and says nothing useful unless somebody asks for it.
    OnRequest,
    /// Shares its space with something else: worth watching only where nothing else is.
    Layered,
    /// Waits by design and mounts something when touched.
    Trigger,
    /// No space of its own, or full by nature.
    Nothing,
}

/// Local types whose statfs reads counters of the mounted superblock.
const MEMORY: &[&str] = &[
    "ext2", "ext3", "ext4", "xfs", "vfat", "msdos", "exfat", "f2fs", "jfs", "reiserfs", "ntfs3",
    "minix", "nilfs2", "hfs", "hfsplus", "ufs", "ubifs", "jffs2",
];
/// Types whose statfs takes locks that a stuck disk holds (btrfs, zfs, bcachefs) or asks a program;
/// those on another machine may wait as well.
const MAY_WAIT: &[&str] =
    &["btrfs", "zfs", "bcachefs", "reiser4", "vxfs", "prl_fs", "fuseblk", "ntfs", "apfs"];
/// Programs behind FUSE that stand for storage of their own.
const STORAGE_OVER_FUSE: &[&str] = &[
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
    "fuse.ceph-fuse",
    "fuse.mergerfs",
    "fuse.s3fs",
    "fuse.juicefs",
    "fuse.JuiceFS",
    "fuse.mfs",
    "fuse.moosefs",
    "fuse.lizardfs",
    "fuse.sfs",
    "fuse.seaweedfs",
    "fuse.rclone",
    "fuse.goofys",
    "fuse.quobyte",
    "fuse.dfuse",
    "fuse.curlftpfs",
    "fuse.davfs",
    "fuse.zfs",
    "fuse.ntfs-3g",
    "fuse.exfat",
    "fuse.vmhgfs-fuse",
    "fuse.shfs",
];
/// Types without space of their own, and images that are full by nature.
const NOTHING: &[&str] = &[
    "squashfs",
    "iso9660",
    "udf",
    "erofs",
    "cramfs",
    "romfs",
    "rootfs",
    "devtmpfs",
    "ramfs",
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "cpuset",
    "devpts",
    "mqueue",
    "debugfs",
    "tracefs",
    "securityfs",
    "pstore",
    "efivarfs",
    "bpf",
    "configfs",
    "fusectl",
    "hugetlbfs",
    "binfmt_misc",
    "rpc_pipefs",
    "nfsd",
    "nsfs",
    "selinuxfs",
    "smackfs",
    "resctrl",
    "usbfs",
    "usbdevfs",
    "devfs",
    "sockfs",
    "pipefs",
    "anon_inodefs",
    "bdev",
    "functionfs",
    "ffs",
    "xenfs",
    "openpromfs",
    "spufs",
    "mtd_inodefs",
    "oprofilefs",
    "secretmem",
    "pidfs",
    "binder",
    "inotifyfs",
    "eventpollfs",
    "futexfs",
    "shiftfs",
    "none",
    "swap",
    "composefs",
];

/// Class of a type; `source` decides for types that nobody listed.
pub(super) fn class(fstype: &str, source: &[u8]) -> Class {
    let listed = |list: &[&str]| list.contains(&fstype);
    match fstype {
        "autofs" => Class::Trigger,
        "tmpfs" => Class::Volatile,
        "overlay" | "overlayfs" | "aufs" | "unionfs" | "fuse.fuse-overlayfs" => Class::Layered,
        _ if listed(MEMORY) => Class::Memory,
        _ if listed(MAY_WAIT) || listed(REMOTE_TYPES) || listed(STORAGE_OVER_FUSE) => {
            Class::MayWait
        }
        _ if listed(NOTHING) => Class::Nothing,
        _ if fstype == "fuse" || fstype.starts_with("fuse.") => Class::OnRequest,
        // A type from a later kernel or a vendor: on a block device it has space of its own.
        _ if source.strip_prefix(b"/").is_some_and(|path| path.starts_with(b"dev/")) => {
            Class::MayWait
        }
        _ => Class::Nothing,
    }
}

impl Class {
    /// Whether a path that leads through it may wait.
    pub(super) fn may_wait(self) -> bool {
        matches!(self, Self::MayWait | Self::OnRequest | Self::Trigger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_fall_where_an_admin_expects() {
        assert_eq!(class("ext4", b"/dev/sda1"), Class::Memory);
        assert_eq!(class("nfs4", b"srv:/x"), Class::MayWait);
        assert_eq!(class("fuse.sshfs", b"a@b:"), Class::MayWait);
        assert_eq!(class("fuse.gvfsd-fuse", b"gvfsd-fuse"), Class::OnRequest);
        assert_eq!(class("squashfs", b"/dev/loop3"), Class::Nothing);
        assert_eq!(class("newfs", b"/dev/sdz"), Class::MayWait);
        assert_eq!(class("newfs", b"newfs"), Class::Nothing);
        assert_eq!(class("overlay", b"overlay"), Class::Layered);
    }
}
