//! The outbox against every sequence of events that a generator can think of: order for each
//! recipient, nothing lost, nothing sent twice after a verdict, never long without an attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostwatch::model::limit::{OUTBOX_BYTES, OUTBOX_MERGE};
use hostwatch::model::time::{Moment, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::outbox::{DeliveryReport, Fate, Outbox};
use proptest::prelude::*;

const KEEP: Span = Span::from_secs(7 * 86_400);
const PEOPLE: [&str; 3] = ["a@x", "b@x", "c@x"];

fn mail(id: u64, contact: &str, recipients: &[&str], bytes: usize, made: Moment) -> Arc<Mail> {
    Arc::new(Mail {
        id: MailId(id),
        contact: contact.to_owned(),
        form: hostwatch::notify::mail::Form::Mail,
        message_id: format!("<{id}@h>"),
        subject: format!("mail {id}"),
        from: "hw@h".to_owned(),
        recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        bytes: "x".repeat(bytes),
        made,
        made_wall: Stamp(0),
    })
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// A mail to some people (bits), released at once or not.
    Push(u8, bool),
    /// The oldest mail that is not released is.
    Release,
    /// Time passes, in seconds.
    Wait(u64),
    /// A part of the attempt under way: one recipient and its fate.
    Part(u8, u8),
    /// The attempt ends: fates by recipient, and whether the way out was broken.
    End([u8; 3], bool),
    /// Reports of something that is not under way.
    Stray(u8),
    Flush,
    /// The agent is killed and comes back with what was durable.
    Restart,
    /// What the engine does with merge candidates.
    Merge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..8, any::<bool>()).prop_map(|(who, now)| Step::Push(who, now)),
        3 => Just(Step::Release),
        6 => (0u64..2000).prop_map(Step::Wait),
        4 => (0u8..3, 0u8..3).prop_map(|(who, fate)| Step::Part(who, fate)),
        8 => (any::<[u8; 3]>(), any::<bool>()).prop_map(|(fates, broken)| Step::End(fates, broken)),
        1 => (0u8..3).prop_map(Step::Stray),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::Merge),
    ]
}

fn fate(number: u8) -> Fate {
    match number % 3 {
        0 => Fate::Accepted("250".to_owned()),
        1 => Fate::Deferred("450".to_owned()),
        _ => Fate::Refused("550".to_owned()),
    }
}

/// The world around the outbox, which remembers everything.
struct World {
    outbox: Outbox,
    now: Moment,
    made: BTreeMap<u64, (Arc<Mail>, bool)>,
    settled: BTreeSet<(u64, String)>,
    under_way: Option<(u64, Vec<String>)>,
}

impl World {
    fn report(&mut self, id: u64, fates: Vec<(String, Fate)>, done: bool, trouble: bool) {
        let trouble = trouble.then(|| "down".to_owned());
        let report = DeliveryReport { mail: MailId(id), recipients: fates, done, trouble };
        for settled in self.outbox.report(self.now, &report) {
            let fresh = self.settled.insert((settled.mail.0, settled.recipient.clone()));
            assert!(fresh, "settled twice: {settled:?}");
            assert!(!matches!(settled.fate, Fate::Deferred(_)));
        }
        if done && self.under_way.as_ref().is_some_and(|(under_way, _)| *under_way == id) {
            self.under_way = None;
        }
    }

    fn is_open(&self, id: u64, recipient: &str) -> bool {
        !self.settled.contains(&(id, recipient.to_owned()))
    }

    /// Starts what is due, and judges it.
    fn pump(&mut self) {
        let due = self.outbox.next_due();
        let Some(attempt) = self.outbox.next(self.now) else {
            assert!(due.is_none_or(|due| due > self.now), "due, and yet nothing is tried");
            return;
        };
        assert!(self.under_way.is_none(), "two attempts at a time");
        assert!(due.is_some_and(|due| due <= self.now));
        let id = attempt.mail.id.0;
        assert!(self.made[&id].1, "not durable yet");
        assert!(!attempt.recipients.is_empty());
        for recipient in &attempt.recipients {
            assert!(self.is_open(id, recipient), "{recipient} has its verdict");
            let earlier = self.made.range(..id).find(|(earlier, (mail, _))| {
                mail.recipients.contains(recipient) && self.is_open(**earlier, recipient)
            });
            assert!(earlier.is_none(), "{id} overtakes {earlier:?}");
        }
        assert_eq!(attempt.mail, self.made[&id].0, "the same mail, byte by byte");
        self.under_way = Some((id, attempt.recipients));
    }

    fn restart(&mut self) {
        self.outbox = Outbox::new(KEEP);
        self.under_way = None;
        for (id, (mail, released)) in &self.made {
            let settled: Vec<String> = mail
                .recipients
                .iter()
                .filter(|r| self.settled.contains(&(*id, (*r).clone())))
                .cloned()
                .collect();
            self.outbox.push(Arc::clone(mail), &settled);
            if *released {
                self.outbox.may_have_left(mail.id);
                self.outbox.release(mail.id);
            }
        }
    }
}

fn play(steps: &[Step]) {
    let mut world = World {
        outbox: Outbox::new(KEEP),
        now: Moment(0),
        made: BTreeMap::new(),
        settled: BTreeSet::new(),
        under_way: None,
    };
    let mut next_id = 1;
    for step in steps {
        match step {
            Step::Push(who, release) => {
                let people: Vec<&str> = PEOPLE
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| who & (1 << bit) != 0)
                    .map(|(_, name)| *name)
                    .collect();
                let mail = mail(next_id, "ops", &people, 10, world.now);
                world.outbox.push(Arc::clone(&mail), &[]);
                if *release {
                    world.outbox.release(mail.id);
                }
                world.made.insert(next_id, (mail, *release));
                next_id += 1;
            }
            Step::Release => {
                let waiting = world.made.values_mut().find(|(_, released)| !released);
                if let Some((mail, released)) = waiting {
                    *released = true;
                    world.outbox.release(mail.id);
                }
            }
            Step::Wait(seconds) => world.now = world.now + Span::from_secs(*seconds),
            Step::Part(who, number) => {
                if let Some((id, recipients)) = world.under_way.clone() {
                    let name = recipients[usize::from(*who) % recipients.len()].clone();
                    world.report(id, vec![(name, fate(*number))], false, false);
                }
            }
            Step::End(numbers, broken) => {
                if let Some((id, recipients)) = world.under_way.clone() {
                    // One in four is not named at all.
                    let named = recipients.into_iter().zip(numbers).filter(|(_, n)| *n % 4 != 3);
                    let fates = named.map(|(name, n)| (name, fate(n / 4))).collect();
                    world.report(id, fates, true, *broken);
                }
            }
            Step::Stray(number) => {
                let name = PEOPLE[usize::from(*number)].to_owned();
                let stray = fate(if *number == 0 { 1 } else { *number });
                world.report(next_id + 5, vec![(name, stray)], true, true);
            }
            Step::Flush => world.outbox.flush(world.now),
            Step::Restart => world.restart(),
            Step::Merge => assert!(world.outbox.merge_candidates().is_none(), "few mails wait"),
        }
        world.pump();
    }
    // In the end the server works: everybody gets everything that has no verdict.
    for (mail, released) in world.made.values_mut() {
        *released = true;
        world.outbox.release(mail.id);
    }
    for _ in 0..10_000 {
        if let Some((id, recipients)) = world.under_way.clone() {
            let fates = recipients.into_iter().map(|name| (name, fate(0))).collect();
            world.report(id, fates, true, false);
        }
        let Some(due) = world.outbox.next_due() else { break };
        let wait = due.since(world.now);
        assert!(wait <= Span::from_secs(900), "{wait} without an attempt");
        world.now = world.now.max(due);
        world.pump();
    }
    assert!(world.outbox.is_empty() && world.outbox.waiting().is_empty());
    for (id, (mail, _)) in &world.made {
        for recipient in &mail.recipients {
            assert!(!world.is_open(*id, recipient), "mail {id} for {recipient} is lost");
        }
    }
}

#[test]
fn any_sequence_keeps_order_and_loses_nothing() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1000)
    });
    runner
        .run(&prop::collection::vec(step(), 0..80), |steps| {
            play(&steps);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_full_outbox_merges_early_and_gives_up_only_what_nobody_can_merge() {
    let mut outbox = Outbox::new(KEEP);
    let large = OUTBOX_BYTES / 20;
    for id in 1..=22 {
        outbox.push(mail(id, "ops", &["a@x"], large, Moment(0)), &[]);
        outbox.release(MailId(id));
    }
    const { assert!(22 < OUTBOX_MERGE) };
    let (contact, mails) = outbox.merge_candidates().unwrap();
    assert_eq!((contact.as_str(), mails.len()), ("ops", 22));
    // After a restart none of them may be merged: the oldest are given up, and it is said.
    for id in 1..=22 {
        outbox.may_have_left(MailId(id));
    }
    assert!(outbox.merge_candidates().is_none());
    outbox.next(Moment(1)).unwrap();
    let report = DeliveryReport {
        mail: MailId(1),
        recipients: Vec::new(),
        done: true,
        trouble: Some("down".to_owned()),
    };
    let gone = outbox.report(Moment(2), &report);
    assert_eq!(gone.iter().map(|settled| settled.mail.0).collect::<Vec<_>>(), [1, 2]);
    let Fate::Refused(why) = &gone[0].fate else { panic!("{gone:?}") };
    assert_eq!(why, "given up: more than 64 MiB of mail wait");
    assert_eq!(outbox.waiting().len(), 20);
}
