//! Sides that call a server: sequential calls, and many at once.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::measure::Side;
use crate::tokens::expect_ok;

/// The number of tasks that share the two threads of a throughput measurement, each with its own session.
pub(crate) const TASKS: usize = 64;
/// The number of calls per median.
const CALLS: usize = 400;
const IN_A_ROW: usize = 20;
/// The number of calls of every task.
const TURNS: usize = 300;

/// Returns a runtime with two threads.
pub(crate) fn runtime() -> Arc<Runtime> {
    Arc::new(expect_ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()))
}

/// One call of a side.
pub(crate) type Call = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Returns the call of the first task, boxed in the same way for all sides.
pub(crate) fn single<F>(call: impl Fn(usize) -> F + Send + Sync + 'static) -> Call
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::new(move || Box::pin(call(0)))
}

/// Measures sequential calls of all sides in turn, on a thread of the runtime, like a handler.
///
/// Each side makes several calls in a row; otherwise the others would evict its data from the processor's
/// caches, which costs a side more the more it does. The order changes, since the first call finds the server
/// idle.
pub(crate) fn in_turn(runtime: &Arc<Runtime>, calls: Vec<Call>) -> Box<dyn FnMut() -> Vec<f64>> {
    let (here, calls) = (Arc::clone(runtime), Arc::new(calls));
    Box::new(move || {
        let calls = Arc::clone(&calls);
        expect_ok(here.block_on(here.spawn(async move {
            let mut times = vec![Vec::with_capacity(CALLS); calls.len()];
            let mut order: Vec<_> = (0..calls.len()).collect();
            for turn in 0..CALLS / IN_A_ROW {
                // These are all orders of two or three sides.
                order.rotate_left(1);
                if turn % calls.len() == 0 {
                    order.reverse();
                }
                for &side in &order {
                    for _ in 0..IN_A_ROW {
                        let start = Instant::now();
                        calls[side]().await;
                        times[side].push(start.elapsed().as_nanos() as f64);
                    }
                }
            }
            times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
            times.iter().map(|times| times[CALLS / 2]).collect()
        })))
    })
}

/// Creates a side whose call is `call(task)`.
pub(crate) fn side<C, F>(name: &'static str, runtime: &Arc<Runtime>, call: C) -> Side
where
    C: Fn(usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let on = |runtime: &Arc<Runtime>| (Arc::clone(runtime), call.clone());
    let (here, once) = on(runtime);
    let mut side = Side::new(name, move || here.block_on(once(0)));
    let (here, batch) = on(runtime);
    side.run = Box::new(move |turns| {
        let batch = batch.clone();
        expect_ok(here.block_on(here.spawn(async move {
            for _ in 0..turns {
                batch(0).await;
            }
        })));
    });
    let (here, many) = on(runtime);
    side.throughput = Some(Box::new(move || {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let many = many.clone();
                here.spawn(async move {
                    for _ in 0..TURNS {
                        many(task).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            expect_ok(here.block_on(task));
        }
        (TASKS * TURNS) as f64 / start.elapsed().as_secs_f64()
    }));
    side
}
