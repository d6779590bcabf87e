//! Connections that pass from one call directly to the next.
//!
//! sqlx pings a connection before it returns to its pool. Each call therefore costs the server two round
//! trips, and nobody can use the connection during the second. A call that has just succeeded has shown
//! that its connection works, so it hands the connection to another waiting call. Ten calls over one
//! connection then take about ten round trips instead of twenty.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::driver::Driver;

/// How often a connection is handed on before it returns to the pool, where the rest of the application
/// waits.
const MAX_HANDOFFS: u32 = 15;

/// The calls that wait for a connection.
pub(crate) struct ConnectionHandoff<D: Driver> {
    /// The calls to which a connection can be handed, the longest waiting first.
    waiting: Mutex<VecDeque<oneshot::Sender<Lease<D>>>>,
    /// Lets one waiting call also wait at the pool, which has connections that others returned or that are
    /// being opened. A second call there could be handed a connection while the pool opens one for it. It
    /// would drop that one, and a pool that had lost connections would never be full again.
    at_pool: Semaphore,
}

impl<D: Driver> ConnectionHandoff<D> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), at_pool: Semaphore::new(1) })
    }

    /// Returns a connection from the pool or from a call that ended, whichever comes first.
    pub(crate) async fn take(
        &self,
        pool: &sqlx::Pool<D>,
        return_timeout: Duration,
    ) -> Result<Lease<D>, sqlx::Error> {
        let runtime = Handle::try_current().ok();
        let lease =
            |connection| Lease { connection, is_reusable: false, handoffs: 0, return_timeout, runtime };
        if pool.size() < pool.options().get_max_connections() || pool.num_idle() > 0 {
            return pool.acquire().await.map(lease);
        }
        let mut handed = self.queue();
        tokio::select! {
            biased;
            Ok(mut lease) = &mut handed => {
                lease.is_reusable = false;
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
        // Removes the calls at the front that no longer wait, so that the queue does not grow without limit.
        while waiting.front().is_some_and(oneshot::Sender::is_closed) {
            waiting.pop_front();
        }
        waiting.push_back(sender);
        receiver
    }

    /// Hands a connection to a waiting call, or returns it to the pool.
    pub(crate) fn hand_over(&self, mut lease: Lease<D>) {
        if !lease.is_reusable || lease.handoffs == MAX_HANDOFFS {
            return;
        }
        lease.handoffs += 1;
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(next) = next else { return };
            match next.send(lease) {
                Ok(()) => return,
                // That call no longer waits.
                Err(refused) => lease = refused,
            }
        }
    }
}

/// A connection on loan from the pool, to which it returns when this is dropped.
pub(crate) struct Lease<D: Driver> {
    pub(crate) connection: PoolConnection<D>,
    /// Whether the last operation came to its end and left the connection as it was. Otherwise the connection
    /// does not return to the pool, if the driver closes unfinished ones.
    pub(crate) is_reusable: bool,
    handoffs: u32,
    return_timeout: Duration,
    /// The runtime on which the connection returns, as a waiting call may be dropped outside of one.
    runtime: Option<Handle>,
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        if let (true, Some(runtime)) = (self.is_reusable, &self.runtime) {
            let returned = self.connection.return_to_pool();
            if D::CLOSES_UNFINISHED {
                // sqlx pings a connection that returns, without a timeout. One that the network has forgotten
                // would keep its place in the pool for a quarter of an hour, until the system gives it up.
                runtime.spawn(tokio::time::timeout(self.return_timeout, returned));
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
    fn calls_that_no_longer_wait_leave_the_queue() {
        let handoff = ConnectionHandoff::<sqlx::Sqlite>::new();
        let length = || handoff.waiting.lock().unwrap().len();
        drop(handoff.queue());
        for _ in 0..100 {
            drop(handoff.queue());
            assert_eq!(length(), 1);
        }
        let _waiting = handoff.queue();
        for _ in 0..100 {
            drop(handoff.queue());
        }
        // These are behind a call that still waits. They leave the queue once it has been served.
        assert_eq!(length(), 101);
    }
}
