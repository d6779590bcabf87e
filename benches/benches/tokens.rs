//! Verifying and issuing tokens, every side of every row of the report.

use std::time::Instant;

use authcore_benches::tokens;
use criterion::{Criterion, criterion_group, criterion_main};

fn tokens(criterion: &mut Criterion) {
    for mut row in tokens::rows() {
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
    criterion.bench_function("token.hs256.principal/strategy alone", |bencher| {
        bencher.iter(tokens::strategy_principal());
    });
}

criterion_group!(benches, tokens);
criterion_main!(benches);
