//! Rows and their measurement: several rounds with all sides interleaved, of which the medians count.

use std::fmt;
use std::time::{Duration, Instant};

use crate::alloc::allocations_of;

/// The number of timings of every side of a row.
const ROUNDS: usize = 15;
/// The approximate length of one timing.
const BATCH: Duration = Duration::from_millis(8);

/// One side of a row, which repeats its work a given number of times.
#[non_exhaustive]
pub struct Side {
    /// The name of the library.
    pub name: &'static str,
    /// The work in a loop, so that no turn pays for an indirect call.
    pub run: Box<dyn FnMut(u64)>,
    /// The same work by many tasks on two threads; returns calls per second.
    pub throughput: Option<Box<dyn FnMut() -> f64>>,
}

impl Side {
    /// Creates a side that does `work` in each turn.
    pub fn new(name: &'static str, mut work: impl FnMut() + 'static) -> Self {
        let run = move |turns| {
            for _ in 0..turns {
                work();
            }
        };
        Self { name, run: Box::new(run), throughput: None }
    }

    /// Sets the measurement of the throughput.
    #[must_use]
    pub fn with_throughput(mut self, measure: impl FnMut() -> f64 + 'static) -> Self {
        self.throughput = Some(Box::new(measure));
        self
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Side({})", self.name)
    }
}

/// One path of authcore, its floor, and the same path of its peers.
#[non_exhaustive]
pub struct Row {
    /// The name in the report.
    pub name: &'static str,
    /// authcore's side.
    pub ours: Side,
    /// The work that no implementation can avoid.
    pub floor: Option<Side>,
    /// The sides of other libraries.
    pub peers: Vec<Side>,
    /// Memory per session in bytes, if measured: resident memory of this process or of the server.
    pub bytes: Option<f64>,
    /// The number of tasks of the throughput measurement.
    pub tasks: usize,
    /// Measures all sides in turn and returns the medians of single calls in nanoseconds. For work that waits
    /// for another process, whose speed varies over time.
    pub p50s: Option<Box<dyn FnMut() -> Vec<f64>>>,
}

/// The measurements of one side.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Figures {
    /// The name of the library.
    pub name: &'static str,
    /// Nanoseconds per call, the median of all rounds.
    pub ns: f64,
    /// Heap allocations per call.
    pub allocs: f64,
    /// Calls per second of many tasks.
    pub per_s: Option<f64>,
}

/// The measurements of a row.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Measured {
    /// The name in the report.
    pub name: &'static str,
    /// authcore's side.
    pub ours: Figures,
    /// The floor.
    pub floor: Option<Figures>,
    /// The peers.
    pub peers: Vec<Figures>,
    /// Memory per session in bytes.
    pub bytes: Option<f64>,
    /// The number of tasks of the throughput measurement.
    pub tasks: usize,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.name)
    }
}

impl Row {
    /// Creates a row without floor and peers.
    pub fn new(name: &'static str, ours: Side) -> Self {
        Self { name, ours, floor: None, peers: Vec::new(), bytes: None, tasks: 16, p50s: None }
    }

    /// Adds the floor.
    #[must_use]
    pub fn floor(mut self, floor: Side) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Adds a peer.
    #[must_use]
    pub fn peer(mut self, peer: Side) -> Self {
        self.peers.push(peer);
        self
    }

    /// Returns every side, authcore's first.
    pub fn sides(&mut self) -> impl Iterator<Item = &mut Side> {
        std::iter::once(&mut self.ours).chain(&mut self.floor).chain(&mut self.peers)
    }

    /// Measures all sides, interleaved.
    pub fn measure(mut self) -> Measured {
        let turns: Vec<u64> = self.sides().map(calibrate).collect();
        let mut times = vec![Vec::new(); turns.len()];
        let mut rates = vec![Vec::new(); turns.len()];
        for round in 0..ROUNDS {
            let p50s = self.p50s.as_mut().map(|p50s| p50s());
            for (index, side) in self.sides().enumerate() {
                times[index].push(match &p50s {
                    Some(p50s) => p50s[index],
                    None => time(side, turns[index]).as_nanos() as f64 / turns[index] as f64,
                });
                if let Some(throughput) = side.throughput.as_mut().filter(|_| round % 2 == 0) {
                    rates[index].push(throughput());
                }
            }
        }
        let mut figures = self.sides().enumerate().map(|(index, side)| Figures {
            name: side.name,
            ns: median(&mut times[index]),
            allocs: allocations_of(|| (side.run)(100)) as f64 / 100.0,
            per_s: (!rates[index].is_empty()).then(|| median(&mut rates[index])),
        });
        let ours = figures.next().unwrap_or_else(|| unreachable!("a row has a side of ours"));
        let mut rest: Vec<_> = figures.collect();
        let floor = self.floor.is_some().then(|| rest.remove(0));
        Measured { name: self.name, ours, floor, peers: rest, bytes: self.bytes, tasks: self.tasks }
    }
}

/// Returns the number of turns that take about as long as one timing.
fn calibrate(side: &mut Side) -> u64 {
    let mut turns = 1;
    loop {
        let took = time(side, turns);
        if took >= BATCH / 4 {
            return ((turns as f64 * BATCH.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        turns *= 2;
    }
}

fn time(side: &mut Side, turns: u64) -> Duration {
    let start = Instant::now();
    (side.run)(turns);
    start.elapsed()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
