//! Chromium, headless, by its driver.

use crate::process::{Folder, Process, Program, is_root};

/// A driver that starts and ends browsers.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    _process: Process,
    folder: Folder,
}

impl Driver {
    /// Starts one on a port of its choice. Its browsers end with it.
    pub fn start() -> Self {
        // The driver looks for it itself, and would say less clearly that it is not there.
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

    /// Where clients of the WebDriver protocol connect.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The command line of a browser with a profile of this name, which begins empty.
    pub fn arguments(&self, profile: &str) -> Vec<String> {
        let profile = self.folder.file(profile);
        let mut arguments = vec![
            "--headless=new".to_owned(),
            format!("--user-data-dir={profile}"),
            "--no-first-run".to_owned(),
            "--disable-gpu".to_owned(),
            // Containers often have a small one.
            "--disable-dev-shm-usage".to_owned(),
            // Nothing but the test's own requests.
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-proxy-server".to_owned(),
        ];
        if is_root() {
            // As root, Chromium starts in no other way.
            arguments.push("--no-sandbox".to_owned());
        }
        arguments
    }
}

fn browser() -> Program {
    Program::new("chromium", "chromium", Vec::new())
}

/// The port that a driver has told.
fn port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("was started successfully on port ")?;
    rest.split_once('.')?.0.parse().ok()
}
