//! What mails say as text: every kind of mail against its golden text, the subjects, and what a
//! mail about very many things does.
//!
//! `HOSTWATCH_BLESS=1 cargo test --test it mail_text` writes the golden texts anew; read the diff.

use std::sync::Arc;

use hostwatch::model::finding::Finding;
use hostwatch::model::id::Id;
use hostwatch::model::limit::MAIL_BYTES;
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::{Contact, Style};
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::text::{compose, compose_merged};

use crate::mail_sample::{
    EVENT, another, failed, golden, head, header, look, mail, notice, now, ops, recovery,
};

#[test]
fn each_kind_of_mail_reads_as_it_should() {
    let problem = Notice {
        advice: Some("A stuck replication slot keeps pg_wal: check it first.".to_owned()),
        runbook: Some("https://wiki.example.net/rb/fs-full".to_owned()),
        ..notice(Cause::Problem, State::Critical)
    };
    golden("problem", &mail(&[problem]));
    golden("recovery", &mail(&[recovery()]));
    golden(
        "worse",
        &mail(&[Notice {
            seq: 2,
            root: Some("<hw.7822.1.ops.1.1M81@db03.example.net>".to_owned()),
            previous: State::Warning,
            lasted: Span::from_secs(17_400),
            ..notice(Cause::Worse, State::Critical)
        }]),
    );
    golden("another", &mail(&[another()]));
    golden(
        "several-facts",
        &mail(&[Notice {
            cause: Cause::Problem,
            seq: 1,
            root: None,
            news: ["252:3", "252:4", "252:5"].map(failed).to_vec(),
            ..another()
        }]),
    );
    golden(
        "several-facts-among-others",
        &mail(&[
            Notice { news: ["252:3", "252:4"].map(failed).to_vec(), ..another() },
            notice(Cause::Problem, State::Warning),
        ]),
    );
    golden(
        "lost",
        &mail(&[Notice {
            fact: "no answer for 5m".to_owned(),
            limit: String::new(),
            summary: "statfs has not come back since 03:07".to_owned(),
            detail: Vec::new(),
            rule: "unknown after 5m without a reading".to_owned(),
            ..notice(Cause::Lost, State::Unknown)
        }]),
    );
    golden(
        "flapping",
        &mail(&[Notice { changes: 6, seq: 5, ..notice(Cause::Flapping, State::Warning) }]),
    );
    golden(
        "steady",
        &mail(&[Notice { fact: "71% full".to_owned(), ..notice(Cause::Steady, State::Ok) }]),
    );
    golden(
        "closed",
        &mail(&[Notice {
            fact: "no check watches it any more".to_owned(),
            ..notice(Cause::Closed, State::Critical)
        }]),
    );
    golden(
        "info",
        &mail(&[Notice {
            id: Id::new("agent", "self"),
            title: "hostwatch".to_owned(),
            episode: 0,
            fact: "restarted after a crash (12s gap)".to_owned(),
            limit: String::new(),
            summary: "Nothing was lost: 2 open problems carried over, 1 queued mail sent."
                .to_owned(),
            detail: Vec::new(),
            rule: String::new(),
            place: String::new(),
            ..notice(Cause::Info, State::Ok)
        }]),
    );
    golden(
        "test",
        &mail(&[Notice {
            id: Id::new("agent", "mail"),
            title: "mail".to_owned(),
            episode: 0,
            fact: String::new(),
            limit: String::new(),
            summary: "Asked for by ana with hostwatch mail test.".to_owned(),
            detail: Vec::new(),
            rule: String::new(),
            place: String::new(),
            ..notice(Cause::Test, State::Ok)
        }]),
    );
    let mixed = [
        recovery(),
        notice(Cause::Problem, State::Warning),
        Notice {
            id: Id::new("raid", "md0"),
            kind: "raid".to_owned(),
            title: "md0".to_owned(),
            fact: "degraded, 1 of 2 disks".to_owned(),
            limit: String::new(),
            summary: "raid1, 1.8 TiB, under / and /data; sdb1 failed".to_owned(),
            ..notice(Cause::Problem, State::Critical)
        },
    ];
    golden("mixed", &mail(&mixed));
    let mut head = head();
    head.also_bad = vec![(State::Critical, "raid:md0 degraded, 1 of 2 disks".to_owned())];
    let late = Now { moment: Moment(20_000_000), wall: Stamp(EVENT.0 + 10_020_000) };
    let contact = Contact { style: Style::SameSubject, ..ops() };
    let name = Notice {
        title: "/srv/\u{e4}rger".to_owned(),
        id: Id::new("filesystem", "/srv/\u{e4}rger it's"),
        ..notice(Cause::Problem, State::Critical)
    };
    golden("late-same-subject", &compose(&head, "ops", &contact, &[name], MailId(78), late));
    let held: Vec<Arc<Mail>> = [vec![notice(Cause::Problem, State::Critical)], mixed.to_vec()]
        .iter()
        .map(|notices| Arc::new(mail(notices)))
        .collect();
    golden("held-up", &compose_merged(&head, "ops", &ops(), &held, MailId(79), late));
}

#[test]
fn five_hundred_failures_fit_in_one_mail_that_names_them_all() {
    let notices: Vec<Notice> = (0..500)
        .map(|i| Notice {
            id: Id::new("filesystem", format!("/srv/volume-{i:03}")),
            title: format!("/srv/volume-{i:03}"),
            ..notice(Cause::Problem, if i == 250 { State::Critical } else { State::Warning })
        })
        .collect();
    let mail = mail(&notices);
    assert_eq!(mail.subject, "CRIT db03: 500 problems: /srv/volume-250 92% full, +499 more");
    assert!(mail.bytes.len() < 60_000, "{}", mail.bytes.len());
    for n in &notices {
        assert!(mail.bytes.contains(&*n.id.instance), "{}", n.id);
    }
    // Even fifty thousand with long names stay one mail of bounded size.
    let many: Vec<Notice> = (0..50_000)
        .map(|i| Notice { title: format!("/{}{i}", "\u{e9}".repeat(190)), ..notices[0].clone() })
        .collect();
    let mail = self::mail(&many);
    assert!(mail.bytes.len() < MAIL_BYTES, "{}", mail.bytes.len());
    assert!(mail.bytes.contains("more than fit here"));
}

#[test]
fn every_fact_of_many_is_named_and_a_subject_keeps_their_number() {
    let facts: Vec<Finding> = (0..64).map(|slot| failed(&format!("252:{slot}"))).collect();
    let notice = Notice { fact: facts[0].fact.clone(), news: facts, ..another() };
    let alone = mail(std::slice::from_ref(&notice));
    assert_eq!(alone.subject, "CRIT db03: RAID volume c0/v1 drive 252:0 failed, +63 more");
    let many: Vec<Notice> = (0..30)
        .map(|n| Notice { id: Id::new("raid", format!("c0/v{n}")), ..notice.clone() })
        .collect();
    for mail in [alone, mail(&many)] {
        for slot in 0..64 {
            assert!(mail.bytes.contains(&format!("drive 252:{slot} failed")), "{slot}");
        }
        assert!(mail.bytes.len() < MAIL_BYTES);
    }
    let long = Notice { fact: "a drive that has a long name failed".to_owned(), ..notice };
    assert_eq!(
        mail(&[long]).subject,
        "CRIT db03: RAID volume c0/v1 a drive that has a..., +64 more"
    );
}

#[test]
fn problem_and_recovery_thread_and_ids_are_never_used_twice() {
    let first = mail(&[notice(Cause::Problem, State::Critical)]);
    let second = compose(
        &head(),
        "ops",
        &ops(),
        &[Notice { root: Some(first.message_id.clone()), ..recovery() }],
        MailId(78),
        now(),
    );
    let parsed = look(&[&first.bytes, &second.bytes]);
    assert_eq!(header(&parsed[0], "Message-ID"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[0], "References"), None);
    assert_eq!(header(&parsed[1], "References"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[1], "In-Reply-To"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[0], "Importance"), Some("high"));
    assert_eq!(header(&parsed[1], "Importance"), None);
    assert_eq!(parsed[0]["date"], 1_795_399_940.0);
    // The same numbers after a lost state directory, later: another id.
    let later = Now { wall: Stamp(EVENT.0 + 86_400_000), ..now() };
    let again = compose(
        &head(),
        "ops",
        &ops(),
        &[notice(Cause::Problem, State::Critical)],
        MailId(77),
        later,
    );
    assert_ne!(first.message_id, again.message_id);
    assert_eq!(
        first.bytes,
        mail(&[notice(Cause::Problem, State::Critical)]).bytes,
        "composing is pure"
    );
}

#[test]
fn subjects_keep_state_host_object_and_fact_within_sixty() {
    let long = Notice {
        title: "/var/lib/containers/storage/overlay/5c1f0c6be5518dd8".to_owned(),
        ..notice(Cause::Problem, State::Critical)
    };
    let subject = mail(&[long]).subject;
    assert_eq!(subject, "CRIT db03: /var/lib/containers...y/5c1f0c6be5518dd8 92% full");
    assert_eq!(mail(&[recovery()]).subject, "OK db03: /data 71% full (was CRIT 96%, lasted 2h14m)");
}
