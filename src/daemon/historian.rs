//! The historian: collects minutes, and writes them a block at a time on a thread that lives as
//! long as the write. Owns what waits for the disk; no check and no mail depends on it.
//!
//! A disk that is full or gone is no fault of the agent: what waits is kept as long as there is
//! room, the trouble is logged once and shown by `status`, and each block tries again.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use super::scribe::with_cause;
use crate::evidence::Inquiry;
use crate::model::history::{Curve, Minute, Point, Series};
use crate::model::limit::{HISTORY_BLOCK_MINUTES, HISTORY_BUFFER_POINTS, HISTORY_WAITING_POINTS};
use crate::store::history::{Archive, Bounds, in_order};

/// Stack of a writing thread.
const STACK_BYTES: usize = 256 << 10;

/// A write that came back: the archive, what was to be written, and why it was not.
type Written = (Archive, Arc<[Vec<Minute>]>, Option<String>);

/// Collects and writes.
#[derive(Debug)]
pub struct Historian {
    directory: PathBuf,
    /// Not here while a thread writes.
    archive: Option<Archive>,
    /// As they came, so that none is copied.
    waiting: VecDeque<Vec<Minute>>,
    /// How many values those are.
    points: usize,
    /// How many distinct minutes have come since the last write.
    minutes: u32,
    writing: Option<Writing>,
    trouble: Option<String>,
    lost: u64,
}

#[derive(Debug)]
struct Writing {
    minutes: Arc<[Vec<Minute>]>,
    end: Receiver<Written>,
}

impl Historian {
    /// Keeps the history in a directory, which is made with the first write.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            archive: Some(Archive::new(directory.clone(), Bounds::default())),
            directory,
            waiting: VecDeque::new(),
            points: 0,
            minutes: 0,
            writing: None,
            trouble: None,
            lost: 0,
        }
    }

    /// Takes minutes that have ended; begins a write when they are enough.
    pub fn keep(&mut self, minutes: Vec<Minute>) {
        self.hear();
        self.minutes = self.minutes.saturating_add(1);
        self.points += minutes.len();
        let mut minutes = minutes;
        minutes.shrink_to_fit();
        self.waiting.push_back(minutes);
        if self.minutes >= HISTORY_BLOCK_MINUTES || self.points >= HISTORY_BUFFER_POINTS {
            self.write();
        }
        self.forget();
    }

    /// What the files do not hold yet: of one instance, or of all.
    #[must_use]
    pub fn recent(&self, id: Option<&str>) -> Vec<Curve> {
        let mut curves: BTreeMap<Arc<Series>, Vec<Point>> = BTreeMap::new();
        let writing = self.writing.iter().flat_map(|writing| writing.minutes.iter());
        for minute in writing.chain(&self.waiting).flatten() {
            if id.is_none_or(|id| minute.series.id.to_string() == id) {
                curves.entry(Arc::clone(&minute.series)).or_default().push(minute.point);
            }
        }
        let curve = |(series, points): (Arc<Series>, Vec<Point>)| Curve {
            series: Series::clone(&series),
            points: in_order(points),
        };
        curves.into_iter().map(curve).collect()
    }

    /// Where it is kept.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.clone()
    }

    /// Tells a question where the history is, and what it does not hold yet.
    pub fn brief(&self, inquiry: &mut Inquiry) {
        inquiry.history.clone_from(&self.directory);
        inquiry.recent = self.recent(Some(&inquiry.id.to_string()));
    }

    /// Why nothing is kept, and how much was lost by it.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let why = self.trouble.as_ref()?;
        Some(match self.lost {
            0 => why.clone(),
            lost => format!("{why}; {lost} values are lost"),
        })
    }

    /// Writes what waits, and waits a little for the disk.
    pub fn stop(&mut self, patience: Duration) {
        self.wait(patience);
        self.write();
        self.wait(patience);
    }

    fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut archive) = self.archive.take() else { return };
        self.minutes = 0;
        self.points = 0;
        let minutes: Arc<[Vec<Minute>]> = std::mem::take(&mut self.waiting).into_iter().collect();
        let (sender, end) = channel();
        self.writing = Some(Writing { minutes: Arc::clone(&minutes), end });
        let thread = std::thread::Builder::new().name("historian".to_owned());
        let spawned = thread.stack_size(STACK_BYTES).spawn(move || {
            let why = archive
                .append(minutes.iter().flatten())
                .err()
                .map(|error| format!("{}; {}", with_cause(&error), error.advice()));
            let _ = sender.send((archive, minutes, why));
        });
        if let Err(error) = spawned {
            tracing::debug!("no thread for the history: {error}");
        }
    }

    /// Hears what became of a write.
    fn hear(&mut self) {
        let Some(writing) = &self.writing else { return };
        match writing.end.try_recv() {
            Ok(written) => self.take_back(written),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.begin_again(),
        }
    }

    fn wait(&mut self, patience: Duration) {
        if let Some(writing) = &self.writing
            && let Ok(written) = writing.end.recv_timeout(patience)
        {
            self.take_back(written);
        }
    }

    fn take_back(&mut self, (archive, minutes, why): Written) {
        self.archive = Some(archive);
        self.writing = None;
        match why {
            None => {
                if self.trouble.take().is_some() {
                    tracing::warn!("the history is kept again");
                }
                self.lost = 0;
            }
            Some(why) => {
                if self.trouble.is_none() {
                    tracing::warn!("the history is not kept: {why}; everything else works on");
                }
                self.trouble = Some(why);
                let newer = std::mem::take(&mut self.waiting);
                self.waiting = minutes.iter().cloned().chain(newer).collect();
                self.points = self.waiting.iter().map(Vec::len).sum();
                self.forget();
            }
        }
    }

    /// The thread ended without a word: whatever it was about is not tried again.
    fn begin_again(&mut self) {
        let writing = self.writing.take();
        self.lose(writing.iter().flat_map(|writing| writing.minutes.iter()).map(Vec::len).sum());
        self.archive = Some(Archive::new(self.directory.clone(), Bounds::default()));
        self.trouble = Some("its thread could not be started, or failed".to_owned());
    }

    /// Keeps what waits within its bound.
    fn forget(&mut self) {
        while self.points > HISTORY_WAITING_POINTS
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.points -= oldest.len();
            self.lose(oldest.len());
        }
    }

    fn lose(&mut self, values: usize) {
        self.lost = self.lost.saturating_add(u64::try_from(values).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::Id;
    use crate::model::unit::Unit;
    use crate::store::history::{Wanted, curves};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn series() -> Arc<Series> {
        let series = Series {
            kind: "load".into(),
            id: Id::new("load", "all"),
            metric: "load1".into(),
            unit: Unit::Count,
        };
        Arc::new(series)
    }

    fn minute(series: &Arc<Series>, minute: u32) -> Minute {
        let point = Point { minute, min: 1.0, mean: 2.0, max: 3.0 };
        Minute { series: Arc::clone(series), point }
    }

    fn stored(directory: &std::path::Path) -> usize {
        let curves = curves(directory, &Wanted::default(), (0, u32::MAX)).unwrap();
        curves.iter().map(|curve| curve.points.len()).sum()
    }

    #[test]
    fn a_block_is_written_now_and_then_and_the_rest_at_the_end() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("history");
        let mut historian = Historian::new(directory.clone());
        let series = series();
        for at in 0..HISTORY_BLOCK_MINUTES - 1 {
            historian.keep(vec![minute(&series, 1000 + at)]);
        }
        assert!(!directory.exists(), "nothing is written before a block is full");
        assert_eq!(historian.recent(Some("load:all"))[0].points.len(), 11);
        assert!(historian.recent(Some("load:other")).is_empty());
        historian.keep(vec![minute(&series, 1011)]);
        historian.wait(PATIENCE);
        assert_eq!((stored(&directory), historian.recent(None).len()), (12, 0));
        historian.keep(vec![minute(&series, 1012)]);
        historian.stop(PATIENCE);
        assert_eq!(stored(&directory), 13);
        assert_eq!(historian.trouble(), None);
    }

    #[test]
    fn what_cannot_be_written_waits_within_bounds_and_is_written_later() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("history");
        std::fs::write(&directory, "a file stands in the way").unwrap();
        let mut historian = Historian::new(directory.clone());
        let series = series();
        for at in 0..HISTORY_BLOCK_MINUTES {
            historian.keep(vec![minute(&series, 1000 + at)]);
        }
        historian.wait(PATIENCE);
        let why = historian.trouble().unwrap();
        assert!(why.contains("history"), "{why}");
        assert_eq!(historian.recent(None)[0].points.len(), 12);
        let named = |n: usize| {
            Arc::new(Series { id: Id::new("load", n.to_string()), ..Series::clone(&series) })
        };
        let all: Vec<Arc<Series>> = (0..100).map(named).collect();
        let many: Vec<Minute> = (0..HISTORY_WAITING_POINTS)
            .map(|at| minute(&all[at % 100], 2000 + u32::try_from(at / 100).unwrap()))
            .collect();
        historian.keep(many);
        historian.wait(PATIENCE);
        assert!(historian.trouble().unwrap().ends_with("12 values are lost"));
        std::fs::remove_file(&directory).unwrap();
        historian.stop(PATIENCE);
        assert_eq!((historian.trouble(), stored(&directory)), (None, HISTORY_WAITING_POINTS));
    }
}
