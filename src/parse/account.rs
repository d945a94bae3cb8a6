//! Users and groups as passwd(5) and group(5) have them, and what such a user may do with a file.
//!
//! Owns the format of both files and the order in which the kernel looks at the bits of a mode. Not
//! through `nix`: its look-up asks this machine, and a recorded one has files of its own.

/// A user with its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its own group and those that name it.
    pub groups: Vec<u32>,
}

/// What is wanted of a file, as a digit of its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To pass through a directory.
    Search = 1,
    /// To read.
    Read = 4,
    /// To list, make and remove entries of a directory.
    Keep = 7,
}

impl Account {
    /// The user of this name, if `passwd` has it; `group` is the text of the other file.
    #[must_use]
    pub fn named(name: &str, passwd: &str, group: &str) -> Option<Self> {
        Self::find(passwd, group, |fields| fields.first() == Some(&name))
    }

    /// The user of this number; one that `passwd` lacks is named by it.
    #[must_use]
    pub fn numbered(uid: u32, passwd: &str, group: &str) -> Self {
        let number = uid.to_string();
        Self::find(passwd, group, |fields| fields.get(2) == Some(&number.as_str()))
            .unwrap_or(Self { name: number, uid, groups: Vec::new() })
    }

    fn find(passwd: &str, group: &str, wanted: impl Fn(&[&str]) -> bool) -> Option<Self> {
        let rows = passwd.lines().map(|line| line.split(':').collect::<Vec<&str>>());
        let row = rows.into_iter().find(|row| wanted(row))?;
        let name = (*row.first()?).to_owned();
        let mut groups: Vec<u32> = row.get(3)?.parse().into_iter().collect();
        for line in group.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, number, members] = fields.as_slice() else { continue };
            if members.split(',').any(|member| member == name) {
                groups.extend(number.parse::<u32>());
            }
        }
        Some(Self { name, uid: row.get(2)?.parse().ok()?, groups })
    }

    /// Whether the mode of a file lets this user do it: the owner by the owner's digit alone, a
    /// member of its group by the group's, others by the last; root always.
    #[must_use]
    pub fn may(&self, right: Right, mode: u32, owner: u32, group: u32) -> bool {
        let shift = match () {
            () if self.uid == 0 => return true,
            () if self.uid == owner => 6,
            () if self.groups.contains(&group) => 3,
            () => 0,
        };
        let wanted = right as u32;
        mode >> shift & wanted == wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken\n\
                          hostwatch:x:998:997:hostwatch agent:/var/lib/hostwatch:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nhostwatch:x:997:\nipmi:x:55:ana,hostwatch\nadm:x:4:hostwatcher\n\
                         odd:x:z:hostwatch\n";

    #[test]
    fn a_user_has_its_own_group_and_those_that_name_it() {
        let account = Account::named("hostwatch", PASSWD, GROUP).unwrap();
        assert_eq!((account.uid, account.groups.as_slice()), (998, &[997, 55][..]));
        assert_eq!(Account::numbered(998, PASSWD, GROUP), account);
        assert_eq!(Account::named("nobody", PASSWD, GROUP), None);
        assert_eq!(Account::numbered(4711, PASSWD, GROUP).name, "4711");
        for torn in ["hostwatch", "hostwatch:x", "hostwatch:x:998", "hostwatch:x:a:997:"] {
            assert_eq!(Account::named("hostwatch", torn, GROUP), None, "{torn}");
        }
    }

    #[test]
    fn the_first_digit_that_is_about_a_user_decides_alone() {
        let account = Account::named("hostwatch", PASSWD, GROUP).unwrap();
        let read = Right::Read;
        assert!(account.may(read, 0o640, 0, 997) && account.may(read, 0o640, 0, 55));
        assert!(account.may(read, 0o604, 0, 0) && account.may(read, 0o400, 998, 0));
        assert!(!account.may(read, 0o600, 0, 0) && !account.may(Right::Keep, 0o750, 0, 997));
        assert!(!account.may(read, 0o604, 0, 997), "the group's digit, not that of others");
        assert!(!account.may(read, 0o044, 998, 997), "the owner's digit");
        assert!(account.may(Right::Search, 0o711, 0, 0) && !account.may(Right::Read, 0o711, 0, 0));
        assert!(Account::numbered(0, PASSWD, GROUP).may(Right::Keep, 0o000, 5, 5));
    }
}
