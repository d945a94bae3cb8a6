//! What stands upon what, as sysfs tells it: a file system upon its array and the disks of that, a
//! bond upon its links. Owns the walk down; judges nothing, and knows no instance of any kind.
//!
//! Names stand for instances: whether one of that kind and name is watched, others find out.

use std::sync::Arc;

use crate::host::file::read_line;
use crate::host::{Host, dir};
use crate::model::limit::{STACK_DEPTH, STACK_WIDTH};
use crate::parse::dmsetup::volume;

/// Kind and instance of what something stands upon, nearest first.
pub(super) type Stack = Vec<(&'static str, Arc<str>)>;

/// What a block device, such as `sda1` or `dm-0`, stands upon, itself included: arrays as
/// instances of `raid`, every device as one of `disk_io`.
pub(super) fn of_device(host: &Host, device: &str) -> Stack {
    let mut stack = Stack::new();
    walk(device, &mut |name| {
        let folder = format!("sys/block/{name}");
        if name.starts_with("md") && dir::exists(host, &format!("{folder}/md")) {
            push(&mut stack, "raid", name);
        }
        if name.starts_with("dm-")
            && let Ok(own) = read_line(host, &format!("{folder}/dm/name"))
        {
            push(&mut stack, "raid", &volume(&own));
        }
        push(&mut stack, "disk_io", name);
        match disk_of(host, name) {
            Some(disk) => vec![disk],
            None => dir::names(host, &format!("{folder}/slaves")).unwrap_or_default(),
        }
    });
    stack
}

/// What a block device stands upon, itself left out.
pub(super) fn below_device(host: &Host, device: &str) -> Stack {
    let own = |kind: &str, name: &str| kind == "disk_io" && name == device;
    let named = read_line(host, &format!("sys/block/{device}/dm/name")).map(|own| volume(&own));
    let array = |kind: &str, name: &str| {
        kind == "raid" && (name == device || named.as_deref().is_ok_and(|own| own == name))
    };
    let mut stack = of_device(host, device);
    stack.retain(|(kind, name)| !own(kind, name) && !array(kind, name));
    stack
}

/// The device's name by its number, as a mount table has it.
pub(super) fn by_number(host: &Host, major: u64, minor: u64) -> Option<String> {
    dir::link_name(host, &format!("sys/dev/block/{major}:{minor}"))
}

/// The device's name by its path: `/dev/sda1`, `/dev/mapper/vg-root`.
pub(super) fn by_path(host: &Host, path: &str) -> Option<String> {
    let name = path.strip_prefix("/dev/")?;
    let Some(mapped) = name.strip_prefix("mapper/") else {
        return (!name.contains('/')).then(|| name.to_owned());
    };
    let is_it = |block: &String| {
        let own = read_line(host, &format!("sys/block/{block}/dm/name"));
        own.is_ok_and(|own| own == mapped)
    };
    let blocks = dir::names(host, "sys/block").unwrap_or_default();
    blocks.into_iter().filter(|block| block.starts_with("dm-")).find(is_it)
}

/// What a link stands upon, itself included: bonds as such, every link as an instance of `nic`.
pub(super) fn of_link(host: &Host, link: &str) -> Stack {
    let mut stack = Stack::new();
    walk(link, &mut |name| {
        let folder = dir::folder(host, &format!("sys/class/net/{name}"));
        if dir::exists(host, &format!("{folder}/bonding")) {
            push(&mut stack, "bond", name);
        }
        push(&mut stack, "nic", name);
        let mut lower: Vec<String> = dir::names(host, &folder)
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| entry.strip_prefix("lower_").map(str::to_owned))
            .collect();
        // A bond that is being made has its list first.
        if let Ok(slaves) = read_line(host, &format!("{folder}/bonding/slaves")) {
            lower.extend(slaves.split_whitespace().map(str::to_owned));
        }
        lower
    });
    stack
}

/// What a link stands upon, itself left out.
pub(super) fn below_link(host: &Host, link: &str) -> Stack {
    let mut stack = of_link(host, link);
    stack.retain(|(_, name)| **name != *link);
    stack
}

/// The whole disk of a partition, if it is one.
fn disk_of(host: &Host, name: &str) -> Option<String> {
    let entry = format!("sys/class/block/{name}");
    if dir::exists(host, &entry) {
        if !dir::exists(host, &format!("{entry}/partition")) {
            return None;
        }
        let path = dir::link_path(host, &entry)?;
        return path.rsplit('/').nth(1).map(str::to_owned);
    }
    // A recording with the folders of whole disks alone.
    if dir::exists(host, &format!("sys/block/{name}")) {
        return None;
    }
    super::disk_io::parent(name).map(str::to_owned)
}

/// Visits `top` and all below it, level by level, each once; `below` says what is right below one.
fn walk(top: &str, below: &mut dyn FnMut(&str) -> Vec<String>) {
    let mut seen = vec![top.to_owned()];
    let mut level = vec![top.to_owned()];
    for _ in 0..STACK_DEPTH {
        let mut next = Vec::new();
        for name in &level {
            for lower in below(name) {
                if seen.len() < STACK_WIDTH && !seen.contains(&lower) {
                    seen.push(lower.clone());
                    next.push(lower);
                }
            }
        }
        if next.is_empty() {
            return;
        }
        level = next;
    }
}

fn push(stack: &mut Stack, kind: &'static str, name: &str) {
    if !stack.iter().any(|(k, n)| *k == kind && **n == *name) {
        stack.push((kind, name.into()));
    }
}

#[cfg(test)]
mod tests;
