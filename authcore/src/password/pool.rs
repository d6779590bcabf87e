//! A pool of threads with a bounded queue, for work that would block async threads (rule P4).

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_channel::oneshot;

use super::PasswordError;

/// A pool of threads, which end when it is dropped.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// The maximum number of jobs, running and waiting together.
    capacity: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    running: usize,
    closed: bool,
    #[cfg(test)]
    idle: usize,
}

impl Pool {
    pub(super) fn new(threads: usize, waiting: usize) -> io::Result<Self> {
        let shared = Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            capacity: threads.saturating_add(waiting),
        };
        let pool = Self { shared: Arc::new(shared) };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new().name("authcore-password".into()).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Queues `work`, and returns the receiver of its result.
    ///
    /// The work is not run if the receiver is dropped before its turn. The receiver yields `Canceled` if
    /// the work panics, or if the pool is dropped before its turn.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`] if the pool is full.
    pub(super) fn run<T, F>(&self, work: F) -> Result<oneshot::Receiver<T>, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), result: None, sender });
        let mut state = self.shared.lock();
        if state.running + state.waiting.len() >= self.shared.capacity {
            // Requests that were abandoned must not take the place of others.
            state.waiting.retain(|job| job.is_wanted());
        }
        if state.running + state.waiting.len() >= self.shared.capacity {
            return Err(PasswordError::Busy);
        }
        state.waiting.push_back(job);
        drop(state);
        self.shared.wake.notify_one();
        Ok(receiver)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Pool")
            .field("capacity", &self.shared.capacity)
            .field("running", &state.running)
            .field("waiting", &state.waiting.len())
            .finish()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// Locks the state. Jobs never run under the lock, so a poisoned state is still consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main loop of a thread.
    fn work(&self) {
        while let Some(mut job) = self.next() {
            let outcome = catch_unwind(AssertUnwindSafe(|| job.run()));
            // Before the result is delivered, so that its receiver finds the place free.
            self.lock().running -= 1;
            match outcome {
                Ok(()) => job.deliver(),
                // Dropping the sender cancels the receiver; the thread continues.
                Err(_) => drop(job),
            }
        }
    }

    /// Waits for the next job whose receiver still exists; returns `None` once the pool is dropped.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            match state.waiting.pop_front() {
                Some(job) if job.is_wanted() => {
                    state.running += 1;
                    return Some(job);
                }
                Some(unwanted) => drop(unwanted),
                None if state.closed => return None,
                None => {
                    #[cfg(test)]
                    {
                        state.idle += 1;
                    }
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                    #[cfg(test)]
                    {
                        state.idle -= 1;
                    }
                }
            }
        }
    }
}

trait Job: Send {
    fn is_wanted(&self) -> bool;
    fn run(&mut self);
    fn deliver(self: Box<Self>);
}

struct Task<F, T> {
    work: Option<F>,
    result: Option<T>,
    sender: oneshot::Sender<T>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Task<F, T> {
    fn is_wanted(&self) -> bool {
        !self.sender.is_canceled()
    }

    fn run(&mut self) {
        self.result = self.work.take().map(|work| work());
    }

    fn deliver(self: Box<Self>) {
        if let Some(result) = self.result {
            // Fails only if the receiver was dropped.
            let _ = self.sender.send(result);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(120);

    /// Occupies a thread of the pool until it is dropped.
    pub(in crate::password) struct Gate(
        #[expect(dead_code, reason = "dropping it opens the gate")] mpsc::Sender<()>,
    );

    impl Gate {
        /// Returns once the thread is occupied.
        pub(in crate::password) fn close(pool: &Pool) -> (Self, oneshot::Receiver<()>) {
            let (open, opened) = mpsc::channel();
            let (started, start) = mpsc::channel();
            let receiver = pool
                .run(move || {
                    started.send(()).unwrap();
                    let _ = opened.recv();
                })
                .unwrap();
            start.recv_timeout(SOON).unwrap();
            (Self(open), receiver)
        }
    }

    #[tokio::test]
    async fn p4_a_full_pool_is_busy_at_once() {
        let pool = Pool::new(1, 1).unwrap();
        let (gate, _held) = Gate::close(&pool);
        let waiting = pool.run(|| 2).unwrap();
        assert!(matches!(pool.run(|| 3), Err(PasswordError::Busy)));
        drop(gate);
        assert_eq!(waiting.await, Ok(2));
        assert_eq!(pool.run(|| 4).unwrap().await, Ok(4));
    }

    #[tokio::test]
    async fn p4_no_more_run_at_once_than_there_are_threads() {
        let pool = Pool::new(2, 8).unwrap();
        let (_one, _held) = Gate::close(&pool);
        let (two, held) = Gate::close(&pool);
        let mut third = pool.run(|| ()).unwrap();
        assert_eq!(pool.shared.lock().running, 2);
        assert_eq!(third.try_recv(), Ok(None));
        drop(two);
        held.await.unwrap();
        third.await.unwrap();
    }

    #[tokio::test]
    async fn p4_an_abandoned_job_is_not_run() {
        let pool = Pool::new(1, 8).unwrap();
        let (gate, _held) = Gate::close(&pool);
        let (ran, runs) = mpsc::channel();
        let other = ran.clone();
        drop(pool.run(move || other.send("unwanted").unwrap()).unwrap());
        let wanted = pool.run(move || ran.send("wanted").unwrap()).unwrap();
        drop(gate);
        wanted.await.unwrap();
        assert_eq!(runs.iter().collect::<Vec<_>>(), ["wanted"]);
    }

    #[tokio::test]
    async fn p4_abandoned_jobs_take_no_place() {
        let pool = Pool::new(1, 1).unwrap();
        let (gate, _held) = Gate::close(&pool);
        for _ in 0..8 {
            drop(pool.run(|| ()).unwrap());
        }
        let wanted = pool.run(|| 1).unwrap();
        drop(gate);
        assert_eq!(wanted.await, Ok(1));
    }

    #[tokio::test]
    async fn p4_a_panic_cancels_its_job_and_the_thread_continues() {
        let pool = Pool::new(1, 1).unwrap();
        for _ in 0..3 {
            // Without the message of the default hook.
            let panicking = pool.run(|| std::panic::resume_unwind(Box::new("on purpose"))).unwrap();
            let answer: Result<(), _> = panicking.await;
            assert_eq!(answer, Err(oneshot::Canceled));
        }
        assert_eq!(pool.run(|| 1).unwrap().await, Ok(1));
    }

    #[tokio::test]
    async fn p4_the_threads_end_with_the_pool() {
        struct DropSignal(mpsc::Sender<()>);
        impl Drop for DropSignal {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        thread_local!(static ON_EXIT: RefCell<Option<DropSignal>> = const { RefCell::new(None) });

        let pool = Pool::new(1, 1).unwrap();
        let (sender, ended) = mpsc::channel();
        let sender = DropSignal(sender);
        let set = pool.run(move || ON_EXIT.with_borrow_mut(|slot| *slot = Some(sender))).unwrap();
        set.await.unwrap();
        // Wait until the thread sleeps, so that the drop has to wake it.
        while pool.shared.lock().idle == 0 {
            thread::yield_now();
        }
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(pool);
        ended.recv_timeout(SOON).unwrap();
    }

    #[tokio::test]
    async fn p4_waiting_jobs_are_canceled_when_the_pool_is_dropped() {
        let pool = Pool::new(1, 1).unwrap();
        let (gate, _held) = Gate::close(&pool);
        let waiting = pool.run(|| ()).unwrap();
        drop(pool);
        assert_eq!(waiting.await, Err(oneshot::Canceled));
        drop(gate);
    }
}
