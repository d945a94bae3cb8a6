//! What a person orders: silences and acknowledgements are made and ended here. Owns their bounds, the
//! words of the answers, and that no answer comes before the record is on the disk, or the news
//! that it is not.

use crate::alert::rule::Place;
use crate::config::plan::Glob;
use crate::model::exit;
use crate::model::id::Id;
use crate::model::limit::{ACKS, QUIET_MAX, REASON_CHARS, SILENCES};
use crate::model::state::State;
use crate::model::text::{counted, shown};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::Cause;
use crate::notify::until;
use crate::notify::when::Zone;

use super::event::Effect;
use super::order::{Answer, Asked, Order, Until};
use super::quiet::{Ack, Records, Silence};
use super::watch::WatchIx;
use super::{Engine, record};

impl Engine {
    /// Does what a person ordered; the answer waits until it is on the disk.
    pub(super) fn order(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        let Asked { ticket, author, order } = asked;
        let done = match order {
            Order::Silence { what, until, reason } => {
                self.make_silence(&what, &until, reason, author, effects)
            }
            Order::EndSilence { what } => self.end_silences(&what, &author, effects),
            Order::Ack { id, until, reason } => self.make_ack(&id, &until, reason, author, effects),
            Order::EndAck { id } => self.end_ack(&id, &author, effects),
        };
        match done {
            Err(answer) => effects.push(Effect::Answer { ticket, answer }),
            Ok((text, records)) => {
                // What is owed because of it comes to the disk before the record that is waited for.
                self.flush_turn(effects);
                self.write(record::QUIET, &records, true, Vec::new(), effects);
                let answer = Answer { code: exit::DONE, text };
                match self.pen.latest {
                    Some(id) => self.quiet.waiting.push((id, ticket, answer)),
                    None => self.answer_unstored(ticket, answer, effects),
                }
            }
        }
    }

    /// Answers what the disk has, and what it will not have.
    pub(super) fn answer_orders(&mut self, effects: &mut Vec<Effect>) {
        let pen = &self.pen;
        let (waiting, ready): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.quiet.waiting).into_iter().partition(|w| pen.awaits(w.0));
        self.quiet.waiting = waiting;
        for (_, ticket, answer) in ready {
            if self.pen.broken().is_some() {
                self.answer_unstored(ticket, answer, effects);
            } else {
                effects.push(Effect::Answer { ticket, answer });
            }
        }
    }

    fn answer_unstored(&self, ticket: u64, answer: Answer, effects: &mut Vec<Effect>) {
        let why = self.pen.broken().unwrap_or("the state directory does not answer");
        let text = format!(
            "{}\nit holds, but only in memory until the agent can store it: {why}",
            answer.text
        );
        effects.push(Effect::Answer { ticket, answer: Answer { code: exit::FAILED, text } });
    }

    fn make_silence(
        &mut self,
        what: &str,
        until: &Until,
        reason: String,
        author: String,
        effects: &mut Vec<Effect>,
    ) -> Result<(String, Records), Answer> {
        let glob = Glob::new(what, Place::default())
            .map_err(|error| wrong(format!("`{}` is not an id or a glob: {error}", shown(what))))?;
        if what.is_empty() {
            return Err(wrong("an empty id silences nothing".to_owned()));
        }
        if self.quiet.silences.len() >= SILENCES {
            let text = format!("there are {SILENCES} silences already: end some of them first");
            return Err(Answer { code: exit::FAILED, text });
        }
        let until = self.end_of(until)?;
        let reason = checked(reason)?;
        self.quiet.next += 1;
        let silence = Silence {
            number: self.quiet.next,
            what: what.to_owned(),
            author,
            reason,
            made: self.now.wall,
            until,
            over: false,
        };
        let taken = self.ids.keys().filter(|id| glob.matches(&id.to_string())).count();
        let note = match taken {
            0 => "; nothing is watched under that name now".to_owned(),
            1 if !what.contains(['*', '?', '[', '{']) => String::new(),
            many => format!(" ({})", counted(many, "id now", "ids now")),
        };
        let (number, what) = (silence.number, shown(what).into_owned());
        let text = format!("silence {number}: {what} until {}{note}", self.ahead(until));
        self.say_quiet(
            format!(
                "silence {number}: {what} until {} by {}: {}",
                self.ahead(until),
                silence.author,
                silence.reason
            ),
            effects,
        );
        let records = Records { silences: vec![silence.clone()], acks: Vec::new() };
        self.quiet.silences.insert(number, (silence, glob));
        self.hold_what_waits();
        Ok((text, records))
    }

    fn end_silences(
        &mut self,
        what: &str,
        author: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(String, Records), Answer> {
        let number = what.parse::<u64>().ok();
        let mut records = Records::default();
        for (silence, _) in self.quiet.silences.values_mut() {
            if Some(silence.number) == number || silence.what == what {
                silence.over = true;
                records.silences.push(silence.clone());
            }
        }
        if records.silences.is_empty() {
            let text = format!(
                "there is no silence `{}`; `hostwatch silence list` shows all",
                shown(what)
            );
            return Err(Answer { code: exit::FAILED, text });
        }
        let mut lines = Vec::new();
        for silence in &records.silences {
            let line = format!("silence {} of {} is ended", silence.number, shown(&silence.what));
            self.say_quiet(format!("{line} by {author}"), effects);
            lines.push(line);
        }
        self.release_held(effects);
        self.quiet.silences.retain(|_, (silence, _)| !silence.over);
        Ok((lines.join("\n"), records))
    }

    fn make_ack(
        &mut self,
        id: &str,
        until: &Until,
        reason: String,
        author: String,
        effects: &mut Vec<Effect>,
    ) -> Result<(String, Records), Answer> {
        let ix = self.watched(id)?;
        let until = self.end_of(until)?;
        let reason = checked(reason)?;
        let current = self.watches.get(ix).filter(|watch| watch.state != State::Ok);
        let Some((watch, episode)) = current.and_then(|w| Some((w, w.episode.as_deref()?.number)))
        else {
            let text = format!("{} is ok: there is nothing to acknowledge", shown(id));
            return Err(Answer { code: exit::FAILED, text });
        };
        if self.quiet.acks.len() >= ACKS && !self.quiet.acks.contains_key(&watch.id) {
            let text = format!("there are {ACKS} acknowledgements already");
            return Err(Answer { code: exit::FAILED, text });
        }
        let ack = Ack {
            id: watch.id.clone(),
            episode,
            level: watch.state,
            author,
            reason,
            made: self.now.wall,
            until,
            over: false,
        };
        let told: Vec<String> = watch
            .told
            .iter()
            .filter(|(name, told)| {
                (told.level != State::Ok || told.lost) && self.plan.contacts.contains_key(name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        let end = self.ahead(until);
        let text = format!("acknowledged {} until {end}: no reminders unless it worsens", ack.id);
        let line = format!("{}: acked by {} until {end}: {}", ack.id, ack.author, ack.reason);
        self.say_quiet(line, effects);
        let records = Records { silences: Vec::new(), acks: vec![ack.clone()] };
        self.quiet.acks.insert(ack.id.clone(), ack.clone());
        for contact in told {
            self.tell_ack(ix, &contact, &ack);
        }
        Ok((text, records))
    }

    /// Those who know of a problem hear that somebody has taken it on; where its mail still waits,
    /// that mail says it.
    fn tell_ack(&mut self, ix: WatchIx, contact: &str, ack: &Ack) {
        let about = (ack.id.clone(), ack.episode);
        let row = self.ack_row(ack, false);
        if let Some(desk) = self.desks.get_mut(contact)
            && let Some(number) = desk.remark(&about, row)
        {
            self.pending.owed.insert(number);
            return;
        }
        let Some(watch) = self.watches.get(ix) else { return };
        let mut notice = self.notice(watch, contact, Cause::Acked, self.now.moment);
        notice.fact = format!("acked by {} until {}", ack.author, self.ahead(ack.until));
        notice.limit = String::new();
        self.owe(notice);
        self.pending.kept.insert(ix);
    }

    fn end_ack(
        &mut self,
        id: &str,
        author: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(String, Records), Answer> {
        let ix = self.watched(id)?;
        let id = self.watches.get(ix).filter(|watch| self.is_acked(watch)).map(|w| w.id.clone());
        let Some(ack) = id.and_then(|id| self.quiet.acks.get_mut(&id)) else {
            let text = "that is not acknowledged".to_owned();
            return Err(Answer { code: exit::FAILED, text });
        };
        ack.over = true;
        let records = Records { silences: Vec::new(), acks: vec![ack.clone()] };
        let line = format!("{}: the acknowledgement of {} is ended", ack.id, ack.author);
        self.say_quiet(format!("{line} by {author}"), effects);
        Ok((line, records))
    }

    /// The watch of an id as typed.
    fn watched(&self, id: &str) -> Result<WatchIx, Answer> {
        let known = Id::parse(id).and_then(|id| self.ids.get(&id).copied());
        known.ok_or_else(|| Answer {
            code: exit::FAILED,
            text: format!("`{}` is not watched; `hostwatch status` lists all", shown(id)),
        })
    }

    /// The end of something that is quiet, on the timeline.
    fn end_of(&self, until: &Until) -> Result<Moment, Answer> {
        let span = match until {
            Until::For(span) => *span,
            Until::At(text) => {
                let zone = Zone::named(&self.plan.host.timezone);
                let end = until::parse(text, &zone, self.now.wall).map_err(wrong)?;
                self.now.wall.until(end)
            }
        };
        if span == Span::ZERO {
            return Err(wrong("that time is over already".to_owned()));
        }
        if span > QUIET_MAX {
            return Err(wrong(format!("too long: at most {QUIET_MAX}")));
        }
        Ok(self.now.moment + span)
    }
}

fn wrong(text: String) -> Answer {
    Answer { code: exit::USAGE, text }
}

/// A reason as it may stand in a mail and on a terminal.
fn checked(reason: String) -> Result<String, Answer> {
    let reason = shown(reason.trim()).into_owned();
    if reason.is_empty() {
        return Err(wrong("say why: `--reason \"disk ordered\"`".to_owned()));
    }
    if reason.chars().count() > REASON_CHARS {
        return Err(wrong(format!("the reason is too long: at most {REASON_CHARS} characters")));
    }
    Ok(reason)
}
