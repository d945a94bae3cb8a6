//! How the BMC is reached, from the plan: the one place that reads its password.

use crate::config::plan::{BmcPlan, LanPlan};
use crate::host::ipmi::{Access, Lan, Password};

/// The way to the BMC, with the password read.
///
/// Read here, with each configuration that is loaded, and not by the process that asks: a password
/// that was changed in its file then is another access, so that a reload takes it up. One that
/// cannot be read stops nothing. It becomes an access that says why, and the BMC's own instance
/// tells it.
#[must_use]
pub fn access(plan: &BmcPlan) -> Access {
    match plan {
        BmcPlan::InBand => Access::InBand,
        BmcPlan::Off => Access::Off,
        BmcPlan::Lan(lan) => match lan.password.read() {
            Ok(password) => Access::Lan(reached(lan, password)),
            Err(why) => Access::Unusable(format!("no password for the BMC at {}: {why}", lan.host)),
        },
    }
}

fn reached(plan: &LanPlan, password: String) -> Lan {
    let usual = Lan::new(plan.host.clone(), plan.user.clone(), Password(password));
    Lan {
        port: plan.port.unwrap_or(usual.port),
        privilege: plan.privilege,
        suite: plan.suite,
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use crate::host::ipmi::{Privilege, Suite};
    use crate::store::secret::Secret;

    use super::*;

    fn plan(password: Secret) -> BmcPlan {
        BmcPlan::Lan(LanPlan {
            host: "192.0.2.10".to_owned(),
            port: None,
            user: "monitor".to_owned(),
            password,
            privilege: Privilege::Operator,
            suite: Some(Suite::Sha256),
        })
    }

    #[test]
    fn what_is_planned_is_reached_at_the_usual_port() {
        let Access::Lan(lan) = access(&plan(Secret::Literal("hidden!".to_owned()))) else {
            panic!("over the network")
        };
        assert_eq!((lan.to_string().as_str(), lan.port), ("192.0.2.10", 623));
        assert_eq!((lan.privilege, lan.suite), (Privilege::Operator, Some(Suite::Sha256)));
        assert_eq!(lan.password.0, "hidden!");
        assert_eq!(access(&BmcPlan::InBand), Access::InBand);
        assert_eq!(access(&BmcPlan::Off), Access::Off);
    }

    #[test]
    fn a_password_that_cannot_be_read_is_told_and_stops_nothing() {
        let Access::Unusable(why) = access(&plan(Secret::Env("HOSTWATCH_NO_SUCH".to_owned())))
        else {
            panic!("not usable")
        };
        assert!(why.contains("192.0.2.10") && why.contains("HOSTWATCH_NO_SUCH"), "{why}");
    }
}
