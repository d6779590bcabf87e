//! The report, as an aligned table or as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::measure::{Figures, Measured};

/// A measurement that is not a row: figures by name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The name in the report.
    pub name: &'static str,
    /// The figures, each with its name, which ends with the unit if there is one.
    pub figures: Vec<(&'static str, f64)>,
}

impl Finding {
    /// Creates a finding without figures.
    pub fn new(name: &'static str) -> Self {
        Self { name, figures: Vec::new() }
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: &'static str, figure: f64) -> Self {
        self.figures.push((name, figure));
        self
    }
}

/// Returns the processor, the number of cores and the system, as far as known.
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let system = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{}, {cores} cores, {} {}", model.map_or("unknown", |(_, model)| model), system.0, system.1)
}

/// Returns the report as one JSON object without the members that were not measured.
pub fn json(rows: &[Measured], findings: &[Finding]) -> Value {
    let rows: Vec<_> = rows.iter().map(json_row).chain(findings.iter().map(json_finding)).collect();
    json!({ "machine": machine(), "rows": rows })
}

fn json_finding(finding: &Finding) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(finding.name));
    for (name, figure) in &finding.figures {
        object.insert((*name).into(), json!((figure * 100.0).round() / 100.0));
    }
    Value::Object(object)
}

fn json_row(row: &Measured) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(row.name));
    put_figures(&mut object, &row.ours);
    if let Some(floor) = &row.floor {
        object.insert("floor_ns".into(), json!(tenth(floor.ns)));
        if let Some(per_s) = floor.per_s {
            object.insert("floor_per_s".into(), json!(per_s.round()));
        }
    }
    if let Some(bytes) = row.bytes {
        object.insert("bytes".into(), json!(bytes.round()));
    }
    if !row.peers.is_empty() {
        let peers = row.peers.iter().map(|peer| {
            let mut figures = Map::new();
            put_figures(&mut figures, peer);
            (peer.name.to_owned(), Value::Object(figures))
        });
        object.insert("peers".into(), Value::Object(peers.collect()));
    }
    Value::Object(object)
}

fn put_figures(object: &mut Map<String, Value>, figures: &Figures) {
    object.insert("ns".into(), json!(tenth(figures.ns)));
    object.insert("allocs".into(), json!(tenth(figures.allocs)));
    if let Some(per_s) = figures.per_s {
        object.insert("per_s".into(), json!(per_s.round()));
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the report as aligned tables, one of the rows and one of the findings.
pub fn table(rows: &[Measured], findings: &[Finding]) -> String {
    let mut out = format!("{}\n", machine());
    if !rows.is_empty() {
        put_rows(&mut out, rows);
    }
    for finding in findings {
        let _ = writeln!(out, "\n{}", finding.name);
        for (name, figure) in &finding.figures {
            let _ = writeln!(out, "  {name:<28} {figure:>17.2}");
        }
    }
    out
}

fn put_rows(out: &mut String, rows: &[Measured]) {
    let _ = writeln!(out, "\n{:<30} {:>9} {:>7} {:>8}  compared with", "path", "ns", "allocs", "x floor");
    for row in rows {
        let floor =
            row.floor.as_ref().map_or("-".to_owned(), |floor| format!("{:.2}", row.ours.ns / floor.ns));
        let peers: Vec<_> = row.peers.iter().map(|peer| versus(&row.ours, peer)).collect();
        let (ns, allocs) = (row.ours.ns, row.ours.allocs);
        let _ = writeln!(out, "{:<30} {ns:>9.1} {allocs:>7.1} {floor:>8}  {}", row.name, peers.join(", "));
        if let Some(per_s) = row.ours.per_s {
            let peers: Vec<_> = row.peers.iter().filter_map(|peer| versus_rate(per_s, peer)).collect();
            let floor = row.floor.as_ref().and_then(|floor| floor.per_s);
            let floor = floor.map_or("-".to_owned(), |floor| format!("{:.2}", per_s / floor));
            let _ = writeln!(
                out,
                "{:<30} {per_s:>17.0} {floor:>8}  {}",
                format!("  {} tasks, calls per second", row.tasks),
                peers.join(", ")
            );
        }
        if let Some(bytes) = row.bytes {
            let _ = writeln!(out, "{:<30} {bytes:>17.0}", "  bytes per session");
        }
    }
}

fn versus(ours: &Figures, peer: &Figures) -> String {
    format!("{} {:.0} ns ({:.1} allocs, {:.2} x)", peer.name, peer.ns, peer.allocs, peer.ns / ours.ns)
}

fn versus_rate(ours: f64, peer: &Figures) -> Option<String> {
    let theirs = peer.per_s?;
    Some(format!("{} {theirs:.0} ({:.2} x)", peer.name, ours / theirs))
}
