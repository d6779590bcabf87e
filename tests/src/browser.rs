//! Chromium, headless, by its driver.

use std::net::TcpStream;

use crate::process::{Folder, Process, Program, free_port, is_root, wait_for};

/// A driver that starts and ends browsers.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    _process: Process,
    folder: Folder,
}

impl Driver {
    /// Starts one on a port of its own. Its browsers end with it.
    pub fn start() -> Self {
        // The driver looks for it itself, and would say less clearly that it is not there.
        assert!(
            browser().is_installed(),
            "chromium was not found: install it with `apt-get install chromium`, or run ./scripts/setup"
        );
        let (port, folder) = (free_port(), Folder::new());
        let log = folder.path().join("log");
        let driver = Program::new("chromedriver", "chromium-driver", Vec::new());
        let driver = driver.with_temporary_files_in(&folder);
        let process = Process::start(&driver, &[format!("--port={port}")], &log);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        wait_for("the driver to listen", told, || TcpStream::connect(("127.0.0.1", port)).is_ok());
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
