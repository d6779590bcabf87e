//! A protected route over HTTP, every side of every row of the report: one request after the other on one connection.

use std::time::Instant;

use authcore_benches::http;
use criterion::{Criterion, criterion_group, criterion_main};

fn rows(criterion: &mut Criterion) {
    for (name, make) in http::makers() {
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

criterion_group!(benches, rows);
criterion_main!(benches);
