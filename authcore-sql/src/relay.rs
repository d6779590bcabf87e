//! Connections that go from one call straight to the next.
//!
//! sqlx asks for a sign of life before a connection is back in its pool: every call costs the server two round trips, and for
//! the second one nobody can use the connection. A call that has just ended well has given that sign. So as long as others
//! wait, it hands its connection on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::driver::Driver;

/// How often a connection is handed on before it goes through the pool, where the rest of the application waits too.
const MOST_HANDED_ON: u32 = 15;

/// Those who wait for a connection.
pub(crate) struct Relay<D: Driver> {
    /// To be handed one, the longest first.
    waiting: Mutex<VecDeque<oneshot::Sender<Lease<D>>>>,
    /// One of them waits at the pool, where connections come that others gave back or that are made anew. No more than one:
    /// whoever is handed a connection would drop the one that is just being made for it, and a pool that has lost some would
    /// never be full again.
    at_pool: Semaphore,
}

impl<D: Driver> Relay<D> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), at_pool: Semaphore::new(1) })
    }

    /// A connection of the pool or of a call that ended, whichever is first.
    pub(crate) async fn take(
        &self,
        pool: &sqlx::Pool<D>,
        patience: Duration,
    ) -> Result<Lease<D>, sqlx::Error> {
        let runtime = Handle::try_current().ok();
        let lease = |connection| Lease { connection, finished: false, handed_on: 0, patience, runtime };
        if pool.size() < pool.options().get_max_connections() || pool.num_idle() > 0 {
            return pool.acquire().await.map(lease);
        }
        let mut handed = self.queue();
        tokio::select! {
            biased;
            Ok(mut lease) = &mut handed => {
                lease.finished = false;
                Ok(lease)
            }
            _turn = self.at_pool.acquire() => {
                drop(handed);
                pool.acquire().await.map(lease)
            }
        }
    }

    fn queue(&self) -> oneshot::Receiver<Lease<D>> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who were served otherwise, or gave up: they came first, so that the queue is never longer than it must be.
        while waiting.front().is_some_and(oneshot::Sender::is_closed) {
            waiting.pop_front();
        }
        waiting.push_back(sender);
        receiver
    }

    /// Hands a connection on to who waits for one, or gives it back to the pool.
    pub(crate) fn pass_on(&self, mut lease: Lease<D>) {
        if !lease.finished || lease.handed_on == MOST_HANDED_ON {
            return;
        }
        lease.handed_on += 1;
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(next) = next else { return };
            match next.send(lease) {
                Ok(()) => return,
                // Not waiting any longer.
                Err(unwanted) => lease = unwanted,
            }
        }
    }
}

/// A connection that goes back to the pool only if what was done over it came to its end.
pub(crate) struct Lease<D: Driver> {
    pub(crate) connection: PoolConnection<D>,
    pub(crate) finished: bool,
    handed_on: u32,
    patience: Duration,
    /// A call that waits may be dropped anywhere, with a connection that was handed to it a moment ago.
    runtime: Option<Handle>,
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        if let (true, Some(runtime)) = (self.finished, &self.runtime) {
            let returned = self.connection.return_to_pool();
            if D::CLOSES_UNFINISHED {
                // A connection that is given back is asked by sqlx whether it still works, without an end: one that the network
                // has forgotten would keep its place in the pool until the system gives it up, a quarter of an hour later.
                runtime.spawn(tokio::time::timeout(self.patience, returned));
            } else {
                runtime.spawn(returned);
            }
        } else if D::CLOSES_UNFINISHED {
            self.connection.close_on_drop();
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn who_gave_up_is_forgotten() {
        let relay = Relay::<sqlx::Sqlite>::new();
        let length = || relay.waiting.lock().unwrap().len();
        let patient = relay.queue();
        drop(patient);
        for _ in 0..100 {
            drop(relay.queue());
            assert_eq!(length(), 1);
        }
        let _waits = relay.queue();
        for _ in 0..100 {
            drop(relay.queue());
        }
        // They are behind one who waits: when that one is served, they go.
        assert_eq!(length(), 101);
    }
}
