//! Benchmarks of tokens: verification and issue, all sides of the report's rows.

mod rows;

use authcore_benches::tokens;
use criterion::{Criterion, criterion_group, criterion_main};

fn tokens(criterion: &mut Criterion) {
    for row in tokens::rows() {
        rows::bench(criterion, row);
    }
    criterion.bench_function("token.hs256.principal/strategy alone", |bencher| {
        bencher.iter(tokens::strategy_principal());
    });
}

criterion_group!(benches, tokens);
criterion_main!(benches);
