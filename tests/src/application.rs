//! Programs of this workspace that serve HTTP, each in a process of its own.

use std::path::Path;

use crate::process::{Folder, Process, Program};

/// A running program that listens on a port that the system chose. It is killed when this is dropped, without
/// a chance to end well.
#[derive(Debug)]
pub struct Application {
    url: String,
    _process: Process,
    _folder: Folder,
}

impl Application {
    /// Starts the program at `path`, whose arguments let it listen on port 0 of loopback, and waits until it
    /// has written `listening on http://127.0.0.1:PORT`.
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

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address without the scheme, as a socket or a `Host` header takes it.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// The address that a program has written, if the line is whole.
fn url(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let (line, _) = rest.split_once('\n')?;
    Some(line.split(',').next()?.to_owned())
}
