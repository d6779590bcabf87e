//! Running many tasks at the same moment, on real threads.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinHandle, yield_now};

/// Runs all `tasks` on the threads of the runtime and returns their outcomes in order.
///
/// No task begins before all of them are spawned. If a task panics, the panic resumes in the caller.
pub(crate) async fn run_concurrently<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
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

/// Returns the outcome of a task, or resumes its panic with the original message.
async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => panic!("the testkit: a task of the check was cancelled: {error}"),
        },
    }
}
