//! HTTP servers of this workspace, each in a separate process.

use std::path::Path;

use crate::process::{Folder, Process, Program};

/// A running server program on a port that the system chose.
///
/// Dropping the handle kills the program without a graceful shutdown.
#[derive(Debug)]
pub struct Application {
    url: String,
    _process: Process,
    _folder: Folder,
}

impl Application {
    /// Starts the program at `path` and waits until it has written `listening on http://127.0.0.1:PORT`.
    ///
    /// `arguments` must make it listen on port 0 of loopback.
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let program = Program::built("the program", Path::new(path));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let started = Process::start(&program, &arguments, &log, |_, log| url(log).is_some());
        let process = started.expect("a program that listens on port 0 finds one");
        let url = url(&std::fs::read_to_string(&log).expect("it was read before")).expect("it was there");
        Self { url, _process: process, _folder: folder }
    }

    /// Returns the URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address without the scheme, for a socket or a `Host` header.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// Returns the address that a program has written, if the line is complete.
fn url(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let (line, _) = rest.split_once('\n')?;
    Some(line.split(',').next()?.to_owned())
}
