//! Sessions in Redis: authcore's store beside the bare `GET` and tower-sessions' store, on servers of its own.

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
