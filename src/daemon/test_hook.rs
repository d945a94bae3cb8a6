//! `mail test` for hooks: an event of a test, delivered now and in plain sight.

use std::sync::Arc;

use super::lane_process::this_program;
use super::test_mail::Tale;
use crate::model::limit::PROGRAM_TRIES;
use crate::model::time::Now;
use crate::notify::courier;
use crate::notify::deliver::Job;
use crate::notify::event::{self, Figures};
use crate::notify::hook::Hook;
use crate::notify::mail::{Form, MailId};
use crate::notify::notice::Notice;
use crate::notify::outbox::Fate;
use crate::notify::relay::Relay;
use crate::notify::text::Letterhead;

/// Sends; each line of the story is handed to `tell`. True when the hook took it.
pub(super) fn send(
    head: &Letterhead,
    hook: &Hook,
    notice: &Notice,
    id: MailId,
    now: Now,
    tell: &mut dyn FnMut(Tale<'_>),
) -> bool {
    let recipient = hook.recipient(&notice.contact);
    let notice = Notice { fact: "the hook works".to_owned(), ..notice.clone() };
    let event = event::compose(head, recipient.clone(), &notice, Figures::default(), id, now);
    let mut hook = hook.clone();
    if let Hook::Program(program) = &mut hook {
        // There is no further attempt after this one.
        program.attempt = PROGRAM_TRIES;
    }
    tell(Tale::Hook { about: "hook", ok: true, text: format!("{}: {hook}", notice.contact) });
    let job = Job {
        recipients: event.recipients.clone(),
        mail: Arc::new(event),
        relays: vec![Relay::Hook(hook)],
        within_ms: 0,
        troubles: Vec::new(),
    };
    let mut taken = false;
    courier::deliver(&this_program(), &job, Form::Event.deadline().to_std(), &mut |report| {
        for (_, fate) in &report.recipients {
            let (about, ok, answer) = match fate {
                Fate::Accepted(answer) => {
                    taken = true;
                    ("accepted", true, answer)
                }
                Fate::Deferred(answer) | Fate::Delayed(answer, _) => ("not now", false, answer),
                Fate::Refused(answer) => ("refused", false, answer),
            };
            tell(Tale::Hook { about, ok, text: format!("{recipient}: {answer}") });
        }
        if let Some(trouble) = &report.trouble {
            let text = format!("{recipient}: {trouble}");
            tell(Tale::Hook { about: "failed", ok: false, text });
        }
    });
    taken
}
