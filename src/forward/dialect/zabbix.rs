//! Zabbix trapper items: a batch and a change as values of items, sent to a server or a proxy.
//!
//! Each value keeps its original time to the nanosecond: history is kept by item and time, so that
//! what is sent twice is there once. The server says how many values it did not take, and not which:
//! they are found by halves, told by name, and told once, for an item that nobody made is missing with
//! every batch.

use std::collections::BTreeSet;

use crate::forward::Site;
use crate::forward::dialect::tally::Tally;
use crate::forward::dialect::trapper::{self, Value};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::target::Server;
use crate::model::limit::{
    REPLY_CHARS, ZABBIX_DISCOVERY, ZABBIX_MISSING, ZABBIX_NAMES, ZABBIX_PATIENCE,
    ZABBIX_REPLY_BYTES, ZABBIX_SEARCHES, ZABBIX_VALUES,
};
use crate::model::text::{shown, shown_within};
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::socket::{Service, Socket};
use crate::net::tls::Guard;

/// What is expected to listen there.
const SERVICE: Service = Service {
    name: "Zabbix server",
    tls_question: "Zabbix itself wants a certificate of each sender, and none is shown to it: its place \
                   is behind a TLS proxy",
    patience: ZABBIX_PATIENCE,
};

/// A Zabbix server or proxy.
#[derive(Debug)]
pub(super) struct Zabbix {
    server: Server,
    host: String,
    /// Keys that it did not take, each told once.
    missing: BTreeSet<String>,
    /// The lists that were discovered last, and when they were sent.
    discovered: Option<(Vec<Value>, Stamp)>,
}

impl Zabbix {
    /// Connects to nothing.
    pub(super) fn new(server: &Server, host: &str, _site: &Site) -> Self {
        let (server, host) = (server.clone(), host.to_owned());
        Self { server, host, missing: BTreeSet::new(), discovered: None }
    }

    /// One exchange: the server closes the connection after it. How many values it did not take.
    fn exchange(&self, values: &[Value], until: Deadline) -> Result<usize, Outcome> {
        let frame = trapper::frame(&trapper::request(&self.host, values));
        let answer = self.ask(&frame, until).map_err(later)?;
        match trapper::answer(&answer).map_err(|why| later(format!("{}: {why}", self.name())))? {
            trapper::Answer::Counted { failed } => Ok(failed.min(values.len())),
            trapper::Answer::Refused(why) => Err(Outcome::Hold {
                why: format!("{}: {}", self.name(), shown_within(&why, REPLY_CHARS)),
            }),
        }
    }

    fn ask(&self, frame: &[u8], until: Deadline) -> Result<Vec<u8>, String> {
        let Server { host, port, tls, trust } = &self.server;
        let mut socket = Socket::open(host, *port, SERVICE, until)?;
        if *tls {
            let _ = socket.protect(&Guard::of(trust)?, host)?;
        }
        socket.send(frame)?;
        socket.await_reply();
        let mut answer = Vec::new();
        while !trapper::is_whole(&answer) {
            let piece = socket.read(ZABBIX_REPLY_BYTES)?;
            if piece.is_empty() {
                return Err(if answer.is_empty() {
                    format!(
                        "{} closed the connection without an answer: does it take values from here, \
                         and does it want TLS?",
                        socket.name()
                    )
                } else {
                    format!("{} closed the connection within its answer", socket.name())
                });
            }
            answer.extend(piece);
            if answer.len() > ZABBIX_REPLY_BYTES {
                return Err(format!("{} gives too long an answer", socket.name()));
            }
        }
        Ok(answer)
    }

    fn name(&self) -> String {
        format!("{}:{}", shown(&self.server.host), self.server.port)
    }

    /// Sends values in parts; finds and names those that are not taken.
    fn send(&mut self, values: &[Value], until: Deadline) -> Reply {
        let mut tally = Tally::default();
        let mut searches = ZABBIX_SEARCHES;
        let (mut failed_all, mut is_told) = (0, false);
        for part in values.chunks(ZABBIX_VALUES) {
            let failed = match self.exchange(part, until) {
                Ok(failed) => failed,
                Err(outcome) => return Reply { outcome, clock: None },
            };
            failed_all += failed;
            let is_missing = |value: &&Value| self.missing.contains(&value.key);
            if failed == 0 {
                self.missing.retain(|key| !part.iter().any(|value| value.key == *key));
                continue;
            }
            if failed == part.iter().filter(is_missing).count() {
                continue;
            }
            let mut found = Vec::new();
            let is_sure = self.find(part, failed, &mut found, &mut searches, until);
            let new: Vec<&str> = found
                .iter()
                .map(String::as_str)
                .filter(|key| !self.missing.contains(*key))
                .collect();
            if !new.is_empty() || !is_sure {
                let why = self.words(&new, failed, found.len() == part.len());
                tally.lose(failed, why);
                is_told = true;
            }
            self.missing.retain(|key| !part.iter().any(|value| value.key == *key));
            self.missing.extend(found);
            if self.missing.len() > ZABBIX_MISSING {
                self.missing.clear();
            }
        }
        // Where nothing at all is taken, that is said of every load.
        if failed_all == values.len() && !is_told {
            tally.lose(failed_all, self.words(&[], failed_all, true));
        }
        tally.reply()
    }

    /// Which of `values` are not taken, of which `failed` were not: each half is sent again by itself.
    /// Whether all were found, within the number of exchanges and the time that are left.
    fn find(
        &self,
        values: &[Value],
        failed: usize,
        found: &mut Vec<String>,
        searches: &mut usize,
        until: Deadline,
    ) -> bool {
        if failed == 0 {
            return true;
        }
        if failed == values.len() {
            found.extend(values.iter().map(|value| value.key.clone()));
            return true;
        }
        let (left, right) = values.split_at(values.len() / 2);
        if *searches == 0 {
            return false;
        }
        *searches -= 1;
        let Ok(failed_left) = self.exchange(left, until) else { return false };
        let failed_right = failed.saturating_sub(failed_left);
        // Both, also where the first half was not sure.
        let is_sure = self.find(left, failed_left, found, searches, until);
        self.find(right, failed_right, found, searches, until) && is_sure
    }

    fn words(&self, keys: &[&str], failed: usize, is_all: bool) -> String {
        let (name, host) = (self.name(), shown(&self.host).into_owned());
        let named = keys.iter().take(ZABBIX_NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = match keys.len().saturating_sub(ZABBIX_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = if named.is_empty() { format!("{failed} values") } else { named + &more };
        let advice = if is_all {
            format!("is there a host \"{host}\", monitored, with these items (Zabbix trapper)?")
        } else {
            "make these items (Zabbix trapper), or link the template".to_owned()
        };
        let words = format!("{name}: host \"{host}\" does not take {named}: {advice}");
        shown_within(&words, REPLY_CHARS).into_owned()
    }

    /// Sends the lists for low-level discovery, if they changed or are an hour old. Nobody need have
    /// the template, so that what is not taken is no loss.
    fn discover(&mut self, lists: Vec<Value>, at: Stamp, until: Deadline) -> Result<(), Outcome> {
        if let Some((before, sent)) = &self.discovered {
            let is_same = before.iter().map(|list| &list.text).eq(lists.iter().map(|l| &l.text));
            // After the clock was set back nothing would be due for a long time.
            if is_same && *sent <= at && sent.until(at) < ZABBIX_DISCOVERY {
                return Ok(());
            }
        }
        let _ = self.exchange(&lists, until)?;
        self.discovered = Some((lists, at));
        Ok(())
    }
}

impl Outlet for Zabbix {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::All, changes: true }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        let until = Deadline::within(within.to_std());
        match load {
            Load::Batch(batch) => {
                let lists = trapper::discovery(batch);
                if let Err(outcome) = self.discover(lists, batch.at, until) {
                    return Reply { outcome, clock: None };
                }
                self.send(&trapper::of_batch(batch), until)
            }
            Load::Change(change) if change.gone => Reply { outcome: Outcome::Done, clock: None },
            Load::Change(change) => {
                let values = trapper::of_change(change);
                let reply = self.send(&values, until);
                // Of a batch that is told once; a change that did not arrive is lost each time.
                let lost = values.iter().filter(|value| self.missing.contains(&value.key));
                let keys: Vec<&str> = lost.map(|value| value.key.as_str()).collect();
                if reply.outcome == Outcome::Done && !keys.is_empty() {
                    let why = self.words(&keys, keys.len(), keys.len() == values.len());
                    return Reply {
                        outcome: Outcome::Dropped { lost: keys.len(), why },
                        clock: None,
                    };
                }
                reply
            }
        }
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let until = Deadline::within(within.to_std());
        let sent = [trapper::heartbeat(mark.at, &mark.number.to_string())];
        match self.exchange(&sent, until) {
            Ok(0) => Ok(Proof::Accepted(format!(
                "look at the latest data of host {}: {} shows {} for a moment",
                shown(&self.host),
                trapper::HEARTBEAT,
                mark.number
            ))),
            Ok(_) => Err(self.words(&[trapper::HEARTBEAT], 1, true)),
            Err(
                Outcome::Hold { why } | Outcome::Retry { why, .. } | Outcome::Dropped { why, .. },
            ) => Err(why),
            Err(Outcome::Done) => Err(String::new()),
        }
    }
}

fn later(why: String) -> Outcome {
    Outcome::Retry { why, after: None, suspect: false }
}
