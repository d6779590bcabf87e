//! Measures authcore's paths beside their floors and their peers, interleaved in one process.
//!
//! `report [--json] [--growth] [PREFIX ...]`: rows whose name begins with one of the prefixes, or all.

use std::process::ExitCode;

use authcore_benches::alloc::CountingAllocator;
use authcore_benches::{redis, report, sessions, tokens};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const USAGE: &str = "report [--json] [--growth] [PREFIX ...]\n\n\
    Measures the rows whose name begins with one of the prefixes, or all: token.hs256.*, token.reject.*,\n\
    session.memory, session.memory.login, session.memory.1m, session.redis, session.redis_cluster. With --growth also how verification grows with the\n\
    length of a token and the numbers of keys, sessions and tasks.";

fn main() -> ExitCode {
    let (mut as_json, mut growth, mut prefixes) = (false, false, Vec::new());
    for argument in std::env::args().skip(1) {
        match &*argument {
            "--json" => as_json = true,
            "--growth" => growth = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            option if option.starts_with('-') => {
                eprintln!("unknown option {option}\n\n{USAGE}");
                return ExitCode::FAILURE;
            }
            prefix => prefixes.push(prefix.to_owned()),
        }
    }
    let wanted =
        |name: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));

    let (mut measured, mut skipped) = (Vec::new(), false);
    for row in tokens::rows().into_iter().filter(|row| wanted(row.name)) {
        measured.push(row.measure());
    }
    for (_, make) in sessions::makers().into_iter().filter(|(name, _)| wanted(name)) {
        measured.push(make().measure());
    }
    for (name, make) in redis::makers().into_iter().filter(|(name, _)| wanted(name)) {
        match make() {
            Ok(row) => measured.push(row.measure()),
            Err(missing) => {
                eprintln!("{name}: not measured: {missing}");
                skipped = true;
            }
        }
    }
    if measured.is_empty() && skipped {
        return ExitCode::FAILURE;
    }
    if measured.is_empty() {
        eprintln!("no row begins with {}\n\n{USAGE}", prefixes.join(" or "));
        return ExitCode::FAILURE;
    }
    if as_json {
        println!("{}", report::json(&measured));
    } else {
        print!("{}", report::table(&measured));
    }
    if growth {
        print_growth();
    }
    ExitCode::SUCCESS
}

/// To standard error, so that `--json` stays one object.
fn print_growth() {
    eprintln!();
    for (name, row) in tokens::growth() {
        let measured = row.measure();
        let floor = measured.floor.map_or(f64::NAN, |floor| measured.ours.ns / floor.ns);
        eprintln!("{name:<30} {:>9.1} ns {floor:>6.2} x floor", measured.ours.ns);
    }
    for (name, ns) in sessions::growth() {
        eprintln!("{name:<30} {ns:>9.1} ns");
    }
    for (name, per_s) in sessions::task_growth() {
        eprintln!("{name:<30} {per_s:>9.0} calls a second");
    }
}
