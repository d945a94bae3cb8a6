//! The further lines of a mail about an md array: which disk to pull, which not, what to do next.

use super::view::View;
use crate::host::Host;
use crate::probe::raid::disk::described;

impl View<'_> {
    pub(super) fn inactive_detail(&self, host: &Host) -> Vec<String> {
        let text = self.array.text.as_ref();
        let mut names: Vec<&str> = text
            .into_iter()
            .flat_map(|text| text.members.iter().map(|member| member.device.as_str()))
            .chain(
                self.sys()
                    .into_iter()
                    .flat_map(|sys| sys.members.iter().map(|member| member.device.as_str())),
            )
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut detail = Vec::new();
        if !self.failed.is_empty() {
            detail.extend(
                self.failed.iter().map(|name| format!("Failed member {}", described(host, name))),
            );
        }
        if names.is_empty() {
            detail.push("No member was found.".to_owned());
        } else {
            detail.push(format!("Members found: {}", names.join(", ")));
        }
        if text.is_some_and(|text| {
            !text.members.is_empty() && text.members.iter().all(|member| member.is('S'))
        }) {
            detail.push(
                "All of them are marked (S): its assembly stopped half way, they are no spares."
                    .to_owned(),
            );
        }
        detail.push(format!(
            "Next: mdadm --examine each member, compare their event counts, then mdadm --assemble \
             or mdadm --run {}.",
            self.array.name
        ));
        detail
    }

    /// Which part to pull, what there is instead, what to do.
    pub(super) fn member_detail(&self, host: &Host) -> Vec<String> {
        let mut detail = Vec::new();
        for name in &self.failed {
            detail.push(format!("Failed member {}{}", described(host, name), self.in_slot(name)));
        }
        for name in &self.vanished {
            detail.push(format!(
                "Member {name}{} is gone from the machine, though md still counts it as working.",
                self.in_slot(name)
            ));
        }
        let map: String = self.up.iter().map(|up| if *up { 'U' } else { '_' }).collect();
        if !map.is_empty() {
            let spares = match self.spares.as_slice() {
                [] => "no spare".to_owned(),
                spares => format!("spare {}", spares.join(", ")),
            };
            detail.push(format!("Array: [{map}], {spares}"));
        }
        if self.missing > 0 || !self.failed.is_empty() {
            detail.extend(self.what_to_pull());
        }
        detail
    }

    /// What to do about the members that are gone.
    fn what_to_pull(&self) -> Vec<String> {
        let name = &self.array.name;
        let working: Vec<&str> = self
            .array
            .text
            .iter()
            .flat_map(|text| text.members.iter())
            .filter(|member| !member.is('F') && !member.is('S'))
            .map(|member| member.device.as_str())
            .collect();
        let mut detail = Vec::new();
        if !working.is_empty() {
            detail.push(format!("Do not pull: {}", working.join(", ")));
        }
        let rebuilding = self
            .activity
            .as_ref()
            .is_some_and(|activity| activity.action == "recovery" && activity.waiting.is_none());
        let remove = match self.failed.first() {
            Some(failed) => format!("mdadm /dev/{name} --remove {failed}, pull that disk"),
            None => "put in a new disk".to_owned(),
        };
        if self.missing == 0 {
            detail.push(format!("Next: {remove}, add a new one as the spare."));
        } else if !rebuilding {
            detail.push(format!(
                "Next: confirm the last backup; {remove}, then mdadm /dev/{name} --add the new one."
            ));
        }
        detail
    }
}
