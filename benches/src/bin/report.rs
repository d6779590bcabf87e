//! Measures authcore's paths, compared with their lower bounds and with other libraries, interleaved in one
//! process.
//!
//! `report [--json] [--growth] [PREFIX ...]` measures the rows whose name begins with one of the prefixes, or
//! all.

use std::process::ExitCode;

use authcore_benches::alloc::CountingAllocator;
use authcore_benches::measure::Measured;
use authcore_benches::report::Finding;
use authcore_benches::{http, redis, report, sessions, sql, tokens};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const USAGE: &str = "report [--json] [--growth] [PREFIX ...]\n\n\
    Measures the rows whose name begins with one of the prefixes, or all rows: token.hs256.*,\n\
    token.reject.*, session.memory, session.memory.login, session.memory.1m, session.redis,\n\
    session.redis_cluster, session.postgres, session.mysql, session.sqlite, http.tokens, http.sessions,\n\
    http.hybrid; and two measurements that are not rows: session.postgres.list (one subject among many\n\
    sessions) and session.postgres.purge (a million sessions, while others log in).\n\
    --growth also measures how the time of verification grows with the length of a token and\n\
    the numbers of keys, sessions and tasks.";

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

    let (measured, findings, missing) = measure(&wanted);
    for missing in &missing {
        eprintln!("{missing}");
    }
    if measured.is_empty() && findings.is_empty() {
        if missing.is_empty() {
            eprintln!("no row begins with {}\n\n{USAGE}", prefixes.join(" or "));
        }
        return ExitCode::FAILURE;
    }
    if as_json {
        println!("{}", report::json(&measured, &findings));
    } else {
        print!("{}", report::table(&measured, &findings));
    }
    if growth {
        print_growth();
    }
    ExitCode::SUCCESS
}

/// Measures the wanted rows and findings, and returns the reasons why some could not be measured.
fn measure(wanted: &dyn Fn(&str) -> bool) -> (Vec<Measured>, Vec<Finding>, Vec<String>) {
    let (mut measured, mut findings, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for row in tokens::rows().into_iter().filter(|row| wanted(row.name)) {
        measured.push(row.measure());
    }
    for (_, make) in sessions::makers().into_iter().chain(http::makers()).filter(|(name, _)| wanted(name)) {
        measured.push(make().measure());
    }
    for (name, make) in redis::makers().into_iter().chain(sql::makers()).filter(|(name, _)| wanted(name)) {
        match make() {
            Ok(row) => measured.push(row.measure()),
            Err(reason) => missing.push(format!("{name}: not measured: {reason}")),
        }
    }
    for (name, find) in sql::finders().into_iter().filter(|(name, _)| wanted(name)) {
        match find() {
            Ok(finding) => findings.push(finding),
            Err(reason) => missing.push(format!("{name}: not measured: {reason}")),
        }
    }
    (measured, findings, missing)
}

/// Prints the growth to standard error, so that the output of `--json` stays one object.
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
        eprintln!("{name:<30} {per_s:>9.0} calls per second");
    }
}
