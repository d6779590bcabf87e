//! Headless Chromium, controlled through its WebDriver.

use crate::process::{Folder, Process, Program, is_root};

/// A WebDriver process that starts and ends browsers.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    _process: Process,
    folder: Folder,
}

impl Driver {
    /// Starts a driver on a free port. Its browsers end with it.
    pub fn start() -> Self {
        // The driver searches for Chromium too, but its error message is less clear.
        assert!(
            browser().is_installed(),
            "chromium was not found: install it with `apt-get install chromium`, or run ./scripts/setup"
        );
        let folder = Folder::new();
        let log = folder.path().join("log");
        let driver = Program::new("chromedriver", "chromium-driver", Vec::new());
        let driver = driver.with_temporary_files_in(&folder);
        let started = Process::start(&driver, &["--port=0".to_owned()], &log, |_, log| port(log).is_some());
        let process = started.expect("a free port is not taken");
        let port = port(&std::fs::read_to_string(&log).expect("it was read before")).expect("it was there");
        Self { port, _process: process, folder }
    }

    /// Returns the URL for WebDriver clients.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the command line of a browser with a new, empty profile of this name.
    pub fn arguments(&self, profile: &str) -> Vec<String> {
        let profile = self.folder.file(profile);
        let mut arguments = vec![
            "--headless=new".to_owned(),
            format!("--user-data-dir={profile}"),
            "--no-first-run".to_owned(),
            "--disable-gpu".to_owned(),
            // Shared memory is often small in containers.
            "--disable-dev-shm-usage".to_owned(),
            // Send only the requests of the test.
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-proxy-server".to_owned(),
        ];
        if is_root() {
            // As root, Chromium starts only without its sandbox.
            arguments.push("--no-sandbox".to_owned());
        }
        arguments
    }
}

fn browser() -> Program {
    Program::new("chromium", "chromium", Vec::new())
}

/// Returns the port that a driver has written to its log.
fn port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("was started successfully on port ")?;
    rest.split_once('.')?.0.parse().ok()
}
