//! Verifying and opening sessions in memory, every side of every row of the report.

use std::time::Instant;

use authcore_benches::sessions;
use criterion::{Criterion, criterion_group, criterion_main};

fn sessions(criterion: &mut Criterion) {
    for (name, make) in sessions::makers() {
        let mut row = make();
        let mut group = criterion.benchmark_group(name);
        for side in row.sides() {
            group.bench_function(side.name, |bencher| {
                bencher.iter_custom(|turns| {
                    let start = Instant::now();
                    (side.run)(turns);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, sessions);
criterion_main!(benches);
