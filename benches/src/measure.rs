//! Rows, and how they are measured: all sides interleaved, several rounds, medians.

use std::fmt;
use std::time::{Duration, Instant};

use crate::alloc::allocations_of;

/// How often every side of a row is timed.
const ROUNDS: usize = 15;
/// How long one timing takes, about.
const BATCH: Duration = Duration::from_millis(8);

/// One side of a row: does its work as many times as it is told.
#[non_exhaustive]
pub struct Side {
    /// Whose it is.
    pub name: &'static str,
    /// The work, in a loop of its own so that a call costs nothing in each turn.
    pub run: Box<dyn FnMut(u64)>,
    /// The same work by many tasks on two threads; gives calls a second.
    pub throughput: Option<Box<dyn FnMut() -> f64>>,
}

impl Side {
    /// A side that does `work` in each turn.
    pub fn new(name: &'static str, mut work: impl FnMut() + 'static) -> Self {
        let run = move |turns| {
            for _ in 0..turns {
                work();
            }
        };
        Self { name, run: Box::new(run), throughput: None }
    }

    /// Adds how its throughput is measured.
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

/// One path of ours, the floor below it, and the peers' same path.
#[non_exhaustive]
pub struct Row {
    /// The name in the report.
    pub name: &'static str,
    /// Ours.
    pub ours: Side,
    /// What cannot be avoided.
    pub floor: Option<Side>,
    /// Theirs.
    pub peers: Vec<Side>,
    /// Memory a session, in bytes, where that was measured: resident memory here, or that of the server.
    pub bytes: Option<f64>,
    /// How many tasks its throughput is of.
    pub tasks: usize,
    /// The medians of single calls, in nanoseconds, of all sides in turn: for work that waits for somebody else, which a
    /// machine does now faster and now slower.
    pub p50s: Option<Box<dyn FnMut() -> Vec<f64>>>,
}

/// What was measured of one side.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Figures {
    /// Whose they are.
    pub name: &'static str,
    /// Nanoseconds a call, the median of all rounds.
    pub ns: f64,
    /// Heap allocations a call.
    pub allocs: f64,
    /// Calls a second of many tasks.
    pub per_s: Option<f64>,
}

/// What was measured of a row.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Measured {
    /// The name in the report.
    pub name: &'static str,
    /// Ours.
    pub ours: Figures,
    /// The floor.
    pub floor: Option<Figures>,
    /// The peers.
    pub peers: Vec<Figures>,
    /// Memory a session, in bytes.
    pub bytes: Option<f64>,
    /// How many tasks its throughput is of.
    pub tasks: usize,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.name)
    }
}

impl Row {
    /// A row without floor and peers.
    pub const fn new(name: &'static str, ours: Side) -> Self {
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

    /// Every side, ours first.
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

/// How many turns take about one batch.
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
