//! Runs a row of the report in criterion, as a group with a function for each side.

use std::time::Instant;

use authcore_benches::measure::Row;
use criterion::Criterion;

pub(crate) fn bench(criterion: &mut Criterion, mut row: Row) {
    let mut group = criterion.benchmark_group(row.name);
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
