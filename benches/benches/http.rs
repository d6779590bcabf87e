//! Benchmarks of a protected route over HTTP: all sides of the report's rows, with sequential requests on one
//! connection.

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
