//! Child processes that end with their parent.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::ports::{PortTaken, TAKEN};

/// Time limit of every wait. Only something that hangs takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Script that runs the program in the background, prints its id, and ends it when standard input ends.
///
/// Standard input ends with the handle or with the process that holds it. A separate shell prints the id, so
/// only that shell ends if the reader has gone. After that only the program holds the pipe, so the pipe ends
/// with the program. The system sends SIGHUP to a process group with a stopped process when the parent ends.
const WATCH: &str = r#"
    trap '' HUP
    "$0" "$@" </dev/null 3>&1 >&2 &
    id=$!
    (echo $id)
    exec >/dev/null
    cat
    { eval "$KILL"; } 2>/dev/null
    wait
"#;

/// Script that kills the process `$id` and its children and waits until all have ended.
///
/// It stops the process first, so that no new children appear. A zombie counts as ended, since its parent may
/// never reap it.
const KILL: &str = r#"
    kill -STOP $id
    children=$(pgrep -d, -P $id)
    pkill -KILL -P $id
    kill -KILL $id
    while ps -o stat= -p "$id${children:+,$children}" | grep -q '^[^Z]'; do sleep 0.01; done
"#;

/// Script that stops the process `$id`, then its children, so that no new children appear.
const STOP: &str = "kill -STOP $id && { pkill -STOP -P $id || true; }";

/// Script that removes the folder `$0`.
///
/// It does so at once if the handle asks for it, since its processes have ended by then. Otherwise it waits
/// in the background for the processes that write there.
const SWEEP: &str = r#"
    read -r now
    [ "$now" ] || sleep 1
    eval "$1"
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$0" && break
        sleep 1
    done
"#;

/// Script that resumes the process `$id` and its children.
const CONTINUE: &str = "pkill -CONT -P $id; kill -CONT $id";

/// A program and the user that runs it.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    package: &'static str,
    path: Option<PathBuf>,
    user: Option<&'static str>,
    temporary: Option<PathBuf>,
}

impl Program {
    /// Finds the program `name` of the Debian package `package`, in the given folders or on the `PATH`.
    ///
    /// It does not run the program: `mariadb-install-db` has no `--version` and would install system data.
    pub(crate) fn new(name: &'static str, package: &'static str, folders: Vec<PathBuf>) -> Self {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let folders = folders.into_iter().chain(std::env::split_paths(&search));
        let path = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
        Self { name, package, path, user: None, temporary: None }
    }

    /// Returns a program of this workspace, which cargo has built at `path`.
    pub(crate) fn built(name: &'static str, path: &Path) -> Self {
        Self { name, package: "cargo", path: Some(path.to_owned()), user: None, temporary: None }
    }

    /// Runs the program as the user that its package creates if this process runs as root, which the program
    /// refuses.
    pub(crate) fn unless_root(mut self, user: &'static str) -> Self {
        self.user = is_root().then_some(user);
        self
    }

    /// Sets the folder for temporary files, which some programs leave behind when they are killed.
    pub(crate) fn with_temporary_files_in(mut self, folder: &Folder) -> Self {
        self.temporary = Some(folder.path().to_owned());
        self
    }

    pub(crate) fn is_installed(&self) -> bool {
        self.path.is_some()
    }

    /// Runs the program and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str], input: Stdio) {
        let words = self.words();
        let output = Command::new(&words[0])
            .args(&words[1..])
            .args(arguments)
            .stdin(input)
            .current_dir("/")
            .output()
            .unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", words[0]));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{}: {}\n{out}{err}", self.name, output.status);
    }

    /// Makes the program's user the owner of everything in the folder.
    pub(crate) fn own(&self, folder: &Folder) {
        if let Some(user) = self.user {
            let status = Command::new("chown").arg("-R").arg(user).arg(folder.path()).status();
            assert!(status.is_ok_and(|status| status.success()), "the folder cannot be given to {user}");
        }
    }

    /// Returns the command line without arguments.
    fn words(&self) -> Vec<OsString> {
        let Self { name, package, path, user, temporary } = self;
        let path = path.as_ref().unwrap_or_else(|| {
            panic!(
                "{name} was not found: install it with `apt-get install {package}`, or run ./scripts/setup"
            )
        });
        let mut words = Vec::new();
        if let Some(user) = user {
            words.extend(["setpriv".into(), format!("--reuid={user}").into()]);
            words.extend([format!("--regid={user}").into(), "--clear-groups".into()]);
        }
        if let Some(folder) = temporary {
            words.extend(["env".into(), format!("TMPDIR={}", folder.display()).into()]);
        }
        words.push(path.into());
        words
    }
}

pub(crate) fn is_root() -> bool {
    // A new file belongs to the current user; std has no function for the user id.
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.as_file().metadata().expect("it is there").uid() == 0
}

/// A running program that is killed when the handle is dropped or this process ends.
#[derive(Debug)]
pub(crate) struct Process {
    watcher: Child,
    id: u32,
    ended: Arc<AtomicBool>,
}

/// A folder that is removed when the handle is dropped or this process ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self::swept_by(":")
    }

    /// Creates a folder. `script` runs with the folder as `$0` before its removal, after the processes that
    /// write there have ended.
    pub(crate) fn swept_by(script: &str) -> Self {
        let path =
            tempfile::Builder::new().prefix("authcore-test-").tempdir().expect("a folder can be made").keep();
        let sweeper = Command::new("sh")
            .args(["-c", SWEEP])
            .arg(&path)
            .arg(script)
            .process_group(0)
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

    /// Returns the path of a file in the folder, for a command line.
    pub(crate) fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Copies `name` from another folder, with owners and permissions.
    pub(crate) fn copy(&self, from: &Self, name: &str) {
        let status = Command::new("cp").arg("-Rp").arg(from.path.join(name)).arg(&self.path).status();
        assert!(status.is_ok_and(|status| status.success()), "{name} cannot be copied");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(mut sweeper) = self.sweeper.stdin.take() {
            let _ = sweeper.write_all(b"now\n");
        }
        let _ = self.sweeper.wait();
    }
}

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGKILL`: ends the process at once.
    Kill,
    /// `SIGSTOP`: suspends the process.
    Stop,
    /// `SIGCONT`: resumes the process.
    Continue,
}

impl Process {
    /// Starts `program` with its output in `log` and waits until `ready` returns `true` for its id and
    /// output.
    ///
    /// The check uses only output of this process, so no other server on the port can be mistaken for it.
    pub(crate) fn start(
        program: &Program,
        arguments: &[String],
        log: &Path,
        ready: impl Fn(u32, &str) -> bool,
    ) -> Result<Self, PortTaken> {
        let mut output =
            File::options().create(true).append(true).read(true).open(log).expect("a log can be written");
        // An existing log is from an earlier start.
        let before = output.seek(SeekFrom::End(0)).expect("a file has an end");
        let mut written = || {
            let mut bytes = Vec::new();
            output.seek(SeekFrom::Start(before)).expect("it has a start");
            output.read_to_end(&mut bytes).expect("it can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let process = Self::spawn(program, arguments, log);
        let start = Instant::now();
        loop {
            let ended = process.has_ended();
            let text = written();
            if !ended && ready(process.id, &text) {
                return Ok(process);
            }
            if ended && text.contains(TAKEN) {
                return Err(PortTaken);
            }
            assert!(!ended, "{} ended before it was ready:\n{text}", program.name);
            assert!(
                start.elapsed() < PATIENCE,
                "{} was not ready within {PATIENCE:?}:\n{text}",
                program.name
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(program: &Program, arguments: &[String], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log can be written");
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH])
            .args(program.words())
            .args(arguments)
            .env("KILL", KILL)
            // The messages searched for in the log are in English.
            .env("LC_ALL", "C")
            .current_dir("/")
            // A separate process group, so that Ctrl-C ends the test but not the cleanup.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("sh can be run");
        let mut line = String::new();
        let mut output = BufReader::new(watcher.stdout.take().expect("its output is piped"));
        output.read_line(&mut line).expect("the watcher tells the id");
        let id = line.trim().parse().unwrap_or_else(|_| panic!("{} did not start: {line:?}", program.name));
        let ended = Arc::new(AtomicBool::new(false));
        let notes = Arc::clone(&ended);
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut output, &mut std::io::sink());
            notes.store(true, Ordering::Release);
        });
        Self { watcher, id, ended }
    }

    /// Returns whether the program has ended, by itself or by a signal.
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Sends a signal to the program and its children. A killed program has ended when this returns.
    pub(crate) fn signal(&self, signal: Signal) {
        let script = match signal {
            Signal::Kill => KILL,
            Signal::Stop => STOP,
            Signal::Continue => CONTINUE,
        };
        let status = Command::new("sh").args(["-c", script]).env("id", self.id.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be told {signal:?}", self.id);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// Waits until a condition holds; panics with the state after the time limit.
pub(crate) fn wait_for(what: &str, state: impl Fn() -> String, ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "expected {what} within {PATIENCE:?}\n{}", state());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(
        expected = "no-such-server was not found: install it with `apt-get install no-such-package`"
    )]
    fn a_missing_program_names_the_command_that_installs_it() {
        Program::new("no-such-server", "no-such-package", Vec::new()).run(&[], Stdio::null());
    }

    /// Starts a shell script in place of a server.
    fn start(script: &str, ready: &str) -> Result<Process, PortTaken> {
        let folder = Folder::new();
        let shell = Program::built("shell", Path::new("/bin/sh"));
        let arguments = ["-c".to_owned(), script.to_owned()];
        Process::start(&shell, &arguments, &folder.path().join("log"), |_, log| log.contains(ready))
    }

    #[test]
    fn a_server_is_ready_when_it_reports_it() {
        let process = start("sleep 0.2; echo ready; exec sleep 1000", "ready").unwrap();
        assert!(!process.has_ended());
    }

    #[test]
    fn a_taken_port_is_reported() {
        // Not the word `ready`, which `already` contains.
        start("echo 'bind: Address already in use' >&2; exit 1", "listening").unwrap_err();
    }

    #[test]
    #[should_panic(expected = "shell ended before it was ready:\nno such option\n")]
    fn a_server_that_ends_early_fails_at_once() {
        let _ = start("echo no such option; exit 1", "ready");
    }
}
