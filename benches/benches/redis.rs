//! Benchmarks of sessions in Redis: authcore's store, a bare `GET` and tower-sessions' store, on dedicated
//! servers.

mod rows;

use authcore_benches::redis;
use criterion::{Criterion, criterion_group, criterion_main};

fn redis(criterion: &mut Criterion) {
    for (name, make) in redis::makers() {
        match make() {
            Ok(row) => rows::bench(criterion, row),
            Err(missing) => panic!("{name}: {missing}"),
        }
    }
}

criterion_group!(benches, redis);
criterion_main!(benches);
