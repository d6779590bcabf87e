//! Processes that end with their parent.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs the program in the background, tells its id, and ends it when standard input does: with the handle, or with the
/// process that holds it.
const WATCH: &str = r#""$0" "$@" </dev/null >&2 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; wait"#;

/// A program that is killed when this is dropped, or when this process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Process {
    watcher: Child,
    id: u32,
}

/// A folder that is removed when this is dropped, or when this process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let path =
            tempfile::Builder::new().prefix("authcore-test-").tempdir().expect("a folder can be made").keep();
        let sweeper = Command::new("sh")
            // A moment later, when the processes that write there have ended too.
            .args(["-c", r#"cat >/dev/null; sleep 0.3; rm -rf "$0""#])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be run");
        Self { path, sweeper }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// What a process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGKILL`: ends it at once.
    Kill,
    /// `SIGSTOP`: holds it.
    Stop,
    /// `SIGCONT`: lets it go on.
    Continue,
}

impl Process {
    /// Starts `program` of the Debian package `package`, with its output in `log`.
    pub(crate) fn start(program: &str, package: &str, arguments: &[String], log: &Path) -> Self {
        let installed = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        assert!(
            installed.is_ok(),
            "{program} was not found: install it with `apt-get install {package}`, or run ./scripts/setup"
        );
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a log can be written");
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("sh can be run");
        let mut line = String::new();
        let output = watcher.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("the watcher tells the id");
        let id = line.trim().parse().unwrap_or_else(|_| panic!("{program} did not start: {line:?}"));
        Self { watcher, id }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Kill => "-KILL",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        let status = Command::new("kill").args([name, &self.id.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "process {} cannot be told {name}", self.id);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// A port that was free a moment ago, below the range that a Cluster's bus needs above it.
pub(crate) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}
