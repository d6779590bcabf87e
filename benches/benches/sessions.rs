//! Benchmarks of sessions in memory: verification and login, all sides of the report's rows.

mod rows;

use authcore_benches::sessions;
use criterion::{Criterion, criterion_group, criterion_main};

fn sessions(criterion: &mut Criterion) {
    for (_, make) in sessions::makers() {
        rows::bench(criterion, make());
    }
}

criterion_group!(benches, sessions);
criterion_main!(benches);
