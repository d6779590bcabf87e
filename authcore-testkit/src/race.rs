//! Doing many things at the same moment, on real threads.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinHandle, yield_now};

/// Runs all of `tasks` on the runtime's threads, beginning none before all are there, and gives their outcomes
/// in order. A panic in one of them is the caller's.
pub(crate) async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let (all, ready) = (tasks.len(), Arc::new(AtomicUsize::new(0)));
    let running: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let ready = Arc::clone(&ready);
            tokio::spawn(async move {
                ready.fetch_add(1, Ordering::SeqCst);
                while ready.load(Ordering::SeqCst) < all {
                    yield_now().await;
                }
                task.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(all);
    for task in running {
        outcomes.push(join(task).await);
    }
    outcomes
}

/// The outcome of a task, or its panic with the message it had.
async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => panic!("a task of the check was cancelled: {error}"),
        },
    }
}
