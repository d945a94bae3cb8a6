//! Outlet `prometheus`: `/metrics` on a loopback address or a Unix socket, for whoever fetches.
//!
//! Served by a thread of its own from the newest batch. A batch that is too old is refused with a
//! sentence: an agent that hangs must not look alive. There is no login and no TLS, so nobody but this
//! host gets at it; a web server before it can have both. Must not know: HTTP, which is
//! [`serve`]'s, and sockets, which are [`place`]'s.

use std::sync::{Arc, Mutex, PoisonError};

use self::place::Trouble;
use self::serve::Server;
use super::exposition::{self, CONTENT_TYPE};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series::{Sample, samples};
use crate::forward::target::Listen;
use crate::model::batch::Batch;
use crate::model::limit::{SCRAPE_FRESH, SCRAPE_FRESH_BATCHES};
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;

mod fetch;
mod place;
mod serve;

pub use place::loopback;

/// The outlet.
#[derive(Debug)]
pub struct Scrape {
    listen: Listen,
    shelf: Arc<Shelf>,
    /// None while somebody else has the place.
    server: Option<Server>,
    /// Moment of the newest batch.
    newest: Option<Stamp>,
}

impl Scrape {
    /// Listens. Where the place is taken it is tried again with each batch: the agent before a restart
    /// may still be ending.
    ///
    /// # Errors
    /// It is no place to listen at, or not for this user; in words for a person.
    pub fn open(listen: &Listen) -> Result<Self, String> {
        let shelf = Arc::new(Shelf::default());
        let server = match Server::start(listen, &shelf) {
            Ok(server) => Some(server),
            Err(Trouble::Taken(_)) => None,
            Err(Trouble::Wrong(why)) => return Err(why),
        };
        Ok(Self { listen: listen.clone(), shelf, server, newest: None })
    }

    /// Listens, if it does not yet.
    fn serve(&mut self) -> Result<(), Trouble> {
        if self.server.is_none() {
            self.server = Some(Server::start(&self.listen, &self.shelf)?);
        }
        Ok(())
    }

    /// How long this batch is the present. Who sends them seldom is not late before the next is.
    fn patience(&mut self, batch: &Batch) -> Span {
        let before = self.newest.replace(batch.at);
        let apart = before.map(|before| before.until(batch.at)).unwrap_or_default();
        SCRAPE_FRESH.max(apart.times(SCRAPE_FRESH_BATCHES))
    }
}

impl Outlet for Scrape {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, _within: Span) -> Reply {
        if let Load::Batch(batch) = load {
            let fresh = Deadline::within(self.patience(batch).to_std());
            self.shelf.put(Page { batch: Arc::new(batch.clone()), fresh });
        }
        let outcome = match self.serve() {
            Ok(()) => Outcome::Done,
            Err(Trouble::Taken(why)) => Outcome::Retry { why, after: None, suspect: false },
            Err(Trouble::Wrong(why)) => Outcome::Hold { why },
        };
        Reply { outcome, clock: None }
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let at = shown(&self.listen).to_owned();
        if let Err(Trouble::Wrong(why)) = self.serve() {
            return Err(why);
        }
        if self.server.is_none() {
            return another(&self.listen, mark, within);
        }
        self.shelf.mark(Some(exposition::mark(mark)));
        let page = fetch::page(&self.listen, within);
        self.shelf.mark(None);
        let line = format!("hostwatch_forward_test{{mark=\"{0}\"}} {0}", mark.number);
        if page?.lines().any(|found| found == line) {
            Ok(Proof::ReadBack(format!("found by GET /metrics at {at}")))
        } else {
            Err(format!("{at} answers, but not with the sample: who else listens there?"))
        }
    }
}

/// Somebody else has the place: the agent that runs, if all is well.
fn another(listen: &Listen, mark: &Mark, within: Span) -> Result<Proof, String> {
    let at = shown(listen);
    let page = fetch::page(listen, within)?;
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok())
    };
    let Some(seconds) = value("hostwatch_batch_timestamp_seconds") else {
        return Err(format!(
            "{at} is taken by another program: choose another place for `prometheus`"
        ));
    };
    #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
    let taken = Stamp((seconds * 1000.0) as i64);
    let values = page.lines().filter(|line| !line.starts_with('#')).count();
    Ok(Proof::Accepted(format!(
        "the agent that runs answers at {at}: {values} values, read {} ago; its page was left as it is",
        taken.until(mark.at)
    )))
}

fn shown(listen: &Listen) -> &str {
    match listen {
        Listen::Tcp(address) => address,
        Listen::Unix(path) => path,
    }
}

/// What is served.
#[derive(Debug, Default)]
struct Shelf {
    page: Mutex<Option<Page>>,
    mark: Mutex<Option<Sample>>,
    /// Held while a text is made: two at once would take twice the memory, and be no faster.
    making: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Page {
    batch: Arc<Batch>,
    fresh: Deadline,
}

impl Shelf {
    fn put(&self, page: Page) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
    }

    fn mark(&self, sample: Option<Sample>) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    /// The text of the newest batch, or why there is none.
    fn text(&self) -> Result<Vec<u8>, &'static str> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let page = self.page.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = match page {
            Some(page) if page.fresh.left().is_zero() => {
                return Err(
                    "The newest readings are too old to be shown: the agent gives no new ones. \
                            `systemctl status hostwatch` may say why.\n",
                );
            }
            Some(page) => samples(&page.batch),
            None if mark.is_some() => Vec::new(),
            None => return Err("There are no readings yet; the first come within a minute.\n"),
        };
        all.extend(mark);
        Ok(exposition::text(&all))
    }
}

#[cfg(test)]
mod tests;
