//! What follows from what: changes that the machine's own structure says belong together are told
//! as one incident, cause first. Owns that judgement; changes no state and drops nothing.
//!
//! One thing is the cause of another if the other stands upon it ([`Found::upon`]), it is at least
//! as bad, and both began at about the same time. What comes in one mail is marked there. What
//! comes after its cause was told continues that thread; as a warning it waits for others like it.
//!
//! [`Found::upon`]: crate::probe::Found::upon

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::{judge, machine};
use crate::model::evidence::Row;
use crate::model::limit::{BURST_NOTICES, FOLD_WAIT, FOLD_WITHIN};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};

use super::watch::Watch;
use super::{Engine, facts};

/// Kind and instance.
type Thing = (&'static str, Arc<str>);

/// Whether a notice says that something is good again.
fn is_good_again(notice: &Notice) -> bool {
    notice.cause == Cause::Recovered || (notice.cause == Cause::Steady && notice.state == State::Ok)
}

fn thing(watch: &Watch) -> Thing {
    (watch.check.kind.spec().name, Arc::clone(&watch.id.instance))
}

/// Whether one watch stands upon another, or upon what that is a side of.
fn stands_upon(upper: &Watch, lower: &Watch) -> bool {
    if upper.id == lower.id {
        return false;
    }
    let is = |(kind, instance): &Thing, watch: &Watch| {
        *kind == watch.check.kind.spec().name && *instance == watch.id.instance
    };
    let side = lower.check.kind.is_side();
    upper
        .found
        .upon
        .iter()
        .any(|thing| is(thing, lower) || (side && lower.found.upon.contains(thing)))
        || (side && lower.found.upon.iter().any(|thing| is(thing, upper)))
}

fn apart(one: Moment, other: Moment) -> Span {
    one.since(other).max(other.since(one))
}

impl Engine {
    /// Marks what follows from something else in the same mail, and puts causes first.
    pub(super) fn fold(&self, notices: &mut Vec<Notice>) {
        if notices.len() < 2 {
            return;
        }
        // Who is told of a thing, or of a side of it.
        let mut tellers: HashMap<Thing, Vec<usize>> = HashMap::new();
        for (place, notice) in notices.iter().enumerate() {
            let Some(watch) = self.watch_of(notice) else { continue };
            tellers.entry(thing(watch)).or_default().push(place);
            for base in watch.found.upon.iter().filter(|_| watch.check.kind.is_side()) {
                tellers.entry(base.clone()).or_default().push(place);
            }
        }
        let parents: Vec<Option<usize>> =
            notices.iter().map(|notice| self.parent(notice, notices, &tellers)).collect();
        let root = |start: usize| {
            let mut place = start;
            // A chain is never longer than the mail; two sides of one thing make no ring of it.
            for _ in 0..notices.len() {
                match parents.get(place).copied().flatten() {
                    Some(parent) if parent != start => place = parent,
                    _ => break,
                }
            }
            place
        };
        let roots: Vec<usize> = (0..notices.len()).map(root).collect();
        let causes: Vec<_> = roots
            .iter()
            .enumerate()
            .map(|(place, root)| (*root != place).then(|| notices.get(*root)).flatten())
            .map(|cause| cause.map(|cause| cause.id.clone()))
            .collect();
        for (notice, cause) in notices.iter_mut().zip(causes) {
            notice.follows = cause;
        }
        let mut order: Vec<usize> = (0..notices.len()).collect();
        order.sort_by_key(|place| {
            let root = roots.get(*place).copied().unwrap_or(*place);
            (root, root != *place, *place)
        });
        let mut taken: Vec<Option<Notice>> =
            std::mem::take(notices).into_iter().map(Some).collect();
        notices.extend(order.into_iter().filter_map(|place| taken.get_mut(place)?.take()));
    }

    fn watch_of(&self, notice: &Notice) -> Option<&Watch> {
        self.watches.get(*self.ids.get(&notice.id)?)
    }

    /// The worst cause of a notice in its mail; of equals the one that began first.
    fn parent(
        &self,
        notice: &Notice,
        notices: &[Notice],
        tellers: &HashMap<Thing, Vec<usize>>,
    ) -> Option<usize> {
        let watch = self.watch_of(notice)?;
        if self.is_its_own_fault(watch, notice) {
            return None;
        }
        let own = thing(watch);
        let places = watch.found.upon.iter().chain(std::iter::once(&own));
        let candidates = places.filter_map(|thing| tellers.get(thing)).flatten().copied();
        let causes = candidates.filter_map(|place| {
            let other = notices.get(place)?;
            let cause = self.watch_of(other)?;
            if !stands_upon(watch, cause) || !self.is_cause((watch, notice), (cause, other)) {
                return None;
            }
            Some((place, other.state.rank(), began(cause, other)))
        });
        causes
            .max_by_key(|(place, rank, began)| {
                (*rank, std::cmp::Reverse(*began), std::cmp::Reverse(*place))
            })
            .map(|(place, _, _)| place)
    }

    /// Whether a change may be the cause of another that stands upon it.
    fn is_cause(
        &self,
        (watch, notice): (&Watch, &Notice),
        (cause, other): (&Watch, &Notice),
    ) -> bool {
        if is_good_again(notice) && is_good_again(other) {
            // What ends together: whichever of a thing and its side was worse.
            return !is_mutual(watch, cause)
                || other.worst_state.rank() > notice.worst_state.rank();
        }
        let worse = match is_mutual(watch, cause) {
            true => other.state.rank() > notice.state.rank(),
            false => other.state.rank() >= notice.state.rank(),
        };
        notice.is_problem()
            && other.is_problem()
            && worse
            && apart(began(watch, notice), began(cause, other)) <= FOLD_WITHIN
    }

    /// Whether what a notice tells is reached without anything being wrong below.
    fn is_its_own_fault(&self, watch: &Watch, notice: &Notice) -> bool {
        let about = match notice.state {
            State::Ok => notice.worst_state,
            other => other,
        };
        let Some(seen) = facts::seen(&self.schedule, watch) else { return false };
        if about == State::Unknown || judge::finding(about, seen).is_some() {
            return false;
        }
        // Of what is good again the reading does not tell which limit it was. A yes or no has no
        // worst value.
        if notice.state == State::Ok && notice.worst.is_none() {
            return false;
        }
        let clause = machine::clause(&watch.check.rule, about, seen);
        clause.is_some_and(|clause| watch.check.kind.is_its_own_fault(clause.metric))
    }

    /// Looks for the incident that a notice belongs to, and says from when on it waits for a mail:
    /// what follows from something told may wait for others.
    pub(super) fn join_incident(&self, notice: &mut Notice) -> Moment {
        let now = self.now.moment;
        let Some(watch) = self.watch_of(notice) else { return now };
        // When very much changes at once, all of it goes together anyway.
        let many = |desk: &super::desk::Desk| desk.waiting().len() >= BURST_NOTICES;
        if self.desks.get(&notice.contact).is_some_and(many) {
            return now;
        }
        let told = |other: &Watch| {
            let told = other.told_of(&notice.contact);
            told.is_some_and(|told| told.mails > 0 && (told.level != State::Ok || told.lost))
        };
        let open = || {
            let others = self.watches.iter().map(|(_, other)| other);
            others.filter(|other| other.state != State::Ok && told(other))
        };
        if is_good_again(notice) {
            // The other end of the incident is good again soon, or it is not.
            let related = |other: &Watch| stands_upon(watch, other) || stands_upon(other, watch);
            let waits = open().any(related) && !self.is_its_own_fault(watch, notice);
            return if waits { now + self.plan.mail.group_wait } else { now };
        }
        if !matches!(notice.cause, Cause::Problem | Cause::Worse | Cause::Lost)
            || self.is_its_own_fault(watch, notice)
        {
            return now;
        }
        let began_here = began(watch, notice);
        let cause = open()
            .filter(|other| stands_upon(watch, other))
            .filter(|other| match is_mutual(watch, other) {
                true => other.state.rank() > notice.state.rank(),
                false => other.state.rank() >= notice.state.rank(),
            })
            .filter(|other| apart(began_here, other.caused()) <= FOLD_WITHIN)
            .max_by_key(|other| (other.state.rank(), std::cmp::Reverse(other.caused())));
        let Some(cause) = cause else { return now };
        let seen = facts::seen(&self.schedule, cause);
        let text = format!("{} {}, told before", cause.found.title, facts::fact(cause, seen));
        notice.remarks.push(Row { amount: "cause".to_owned(), text });
        if notice.root.is_none() {
            notice.root = cause.told_of(&notice.contact).and_then(|told| told.root.clone());
        }
        let patient = notice.state == State::Warning && cause.state == State::Critical;
        if patient { now + FOLD_WAIT } else { now }
    }
}

/// Whether each of two is below the other: a thing and one side of it.
fn is_mutual(one: &Watch, other: &Watch) -> bool {
    stands_upon(one, other) && stands_upon(other, one)
}

/// When what a notice tells began: of what is bad with the window that fired, of what is over with
/// its episode.
fn began(watch: &Watch, notice: &Notice) -> Moment {
    if is_good_again(notice) { notice.at - notice.lasted } else { watch.caused() }
}
