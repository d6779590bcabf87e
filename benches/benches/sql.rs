//! Sessions in SQL databases: authcore's store beside the bare `SELECT` and tower-sessions' store, on servers of its own.

use std::time::Instant;

use authcore_benches::sql;
use criterion::{Criterion, criterion_group, criterion_main};

fn rows(criterion: &mut Criterion) {
    for (name, make) in sql::makers() {
        match make() {
            Ok(mut row) => {
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
            Err(missing) => panic!("{name}: {missing}"),
        }
    }
}

criterion_group!(benches, rows);
criterion_main!(benches);
