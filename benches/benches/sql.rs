//! Benchmarks of sessions in SQL databases: authcore's store, a bare `SELECT` and tower-sessions' store, on
//! dedicated servers.

mod rows;

use authcore_benches::sql;
use criterion::{Criterion, criterion_group, criterion_main};

fn sql(criterion: &mut Criterion) {
    for (name, make) in sql::makers() {
        match make() {
            Ok(row) => rows::bench(criterion, row),
            Err(missing) => panic!("{name}: {missing}"),
        }
    }
}

criterion_group!(benches, sql);
criterion_main!(benches);
