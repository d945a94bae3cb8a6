//! A thread for work of one sort that may wait for others, begun when the first piece comes: most
//! agents send no event and gather nothing for months.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

/// Stack of such a thread: it talks to a child and reads its lines.
const STACK_BYTES: usize = 256 << 10;

/// The way to the thread.
pub struct Worker<T> {
    name: &'static str,
    waiting: usize,
    work: Arc<dyn Fn(T) + Send + Sync>,
    sender: Option<SyncSender<T>>,
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Worker<T> {
    /// One that does `work` with each piece, in order; at most `waiting` pieces wait.
    pub fn new(
        name: &'static str,
        waiting: usize,
        work: impl Fn(T) + Send + Sync + 'static,
    ) -> Self {
        Self { name, waiting, work: Arc::new(work), sender: None }
    }

    /// Hands a piece over.
    ///
    /// # Errors
    /// The piece itself, if too many wait or the thread cannot be started.
    pub fn hand(&mut self, piece: T) -> Result<(), T> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => match self.start() {
                Ok(sender) => sender,
                Err(error) => {
                    tracing::error!("cannot start the thread `{}`: {error}", self.name);
                    return Err(piece);
                }
            },
        };
        let outcome = sender.try_send(piece);
        self.sender = Some(sender);
        outcome.map_err(|error| match error {
            TrySendError::Full(piece) | TrySendError::Disconnected(piece) => piece,
        })
    }

    fn start(&self) -> std::io::Result<SyncSender<T>> {
        let (sender, pieces) = sync_channel::<T>(self.waiting);
        let work = Arc::clone(&self.work);
        let thread = std::thread::Builder::new().name(self.name.to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || pieces.into_iter().for_each(|piece| work(piece)))?;
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    #[test]
    fn work_is_done_in_order_and_what_is_too_much_comes_back() {
        let (go, wait) = channel::<()>();
        let (done, seen) = channel();
        let wait = Mutex::new(wait);
        let mut worker = Worker::new("test", 1, move |piece: u32| {
            wait.lock().unwrap().recv().unwrap();
            done.send(piece).unwrap();
        });
        assert_eq!(worker.hand(1), Ok(()));
        // The thread takes the first at some moment; from then on one more fits.
        while worker.hand(2).is_err() {
            std::thread::yield_now();
        }
        assert_eq!(worker.hand(3), Err(3), "one is under way, one waits");
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert_eq!((seen.recv(), seen.recv()), (Ok(1), Ok(2)));
    }
}
