//! A protected route over HTTP, every side of every row of the report: one request after the other on one connection.

mod rows;

use authcore_benches::http;
use criterion::{Criterion, criterion_group, criterion_main};

fn http(criterion: &mut Criterion) {
    for (_, make) in http::makers() {
        rows::bench(criterion, make());
    }
}

criterion_group!(benches, http);
criterion_main!(benches);
