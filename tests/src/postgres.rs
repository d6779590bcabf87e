//! PostgreSQL servers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use sqlx::Postgres;

use crate::certificate::Certificate;
use crate::ports::{Launch, Port, PortTaken};
use crate::process::{Folder, Process, Program, Signal};
use crate::sql::{self, NAME, PASSWORD};

/// The Debian package that contains it.
pub const PACKAGE: &str = "postgresql";
/// The system user that the Debian package creates, and the superuser of the servers.
const SUPERUSER: &str = "postgres";
/// The folder of the programs on Debian, with a subfolder for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Removes the System V shared memory segment that locks a data folder. It outlives a killed server, and a
/// system has only a few thousand. The seventh line of the file contains its key and its id.
const SWEEP: &str = r#"sed -n 7p "$0/data/postmaster.pid" | while read -r key id; do ipcrm -m "$id"; done"#;

/// Returns whether the server is installed.
pub fn is_installed() -> bool {
    program("postgres").is_installed()
}

fn program(name: &'static str) -> Program {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    let folders = versions.into_iter().map(|(_, folder)| folder).collect();
    Program::new(name, PACKAGE, folders).unless_root(SUPERUSER)
}

/// A running server with its own port and folder.
#[derive(Debug)]
pub struct Server {
    options: Vec<String>,
    process: Option<Process>,
    certificate: Option<Certificate>,
    folder: Folder,
    port: Port,
}

impl Server {
    /// Starts a server that loses no acknowledged write when it is killed. `options` are command-line
    /// options, such as `-c`, `max_connections=50`.
    pub fn start(options: &[&str]) -> Self {
        let mut server = Self {
            options: options.iter().map(ToString::to_string).collect(),
            process: None,
            certificate: None,
            folder: Folder::swept_by(SWEEP),
            port: Port::claim(),
        };
        server.folder.copy(template(), "data");
        program("postgres").own(&server.folder);
        server.start_on_free_ports();
        server
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        self.process = None;
        self.start_on_same_ports();
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec!["-D".to_owned(), self.folder.file("data"), "-p".to_owned(), self.port().to_string()];
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=16MB",
            // Tests kill the process, not the system, so no write needs to reach the disk.
            "fsync=off",
            // In files of the data folder, which are removed with it.
            "dynamic_shared_memory_type=mmap",
        ];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        arguments.extend(self.options.iter().cloned());
        arguments
    }

    /// Starts a server that also accepts TLS, with a loopback certificate of its own authority. Returns a
    /// URL that requires TLS and verifies the certificate, and the authority as PEM.
    pub fn start_with_tls() -> (Self, String, String) {
        let certificate = Certificate::new(&program("postgres"));
        let public = format!("ssl_cert_file={}", certificate.public());
        let private = format!("ssl_key_file={}", certificate.private());
        let mut server = Self::start(&["-c", "ssl=on", "-c", &public, "-c", &private]);
        let url =
            format!("postgres://{NAME}:{PASSWORD}@localhost:{}/{NAME}?sslmode=verify-full", server.port());
        let pem = certificate.pem().to_owned();
        server.certificate = Some(certificate);
        (server, url, pem)
    }

    /// Returns the URL of a user who owns the database, but is not a superuser.
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// Returns the URL of another user or database. The superuser is `postgres`, with the password of
    /// [`Server::url`].
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Returns the port on loopback.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns the folder, which is part of the command line.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal to all processes of the server. After [`Signal::Kill`] it can be restarted.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Executes statements as the superuser, over a new connection to the database of [`Server::url`].
    pub fn execute(&self, sql: &str) {
        self.ask(sql);
    }

    /// Executes a query as [`Server::execute`] does, and returns its rows. Values are in the notation of
    /// `psql`: `t` for true, `\x00ff` for bytes. `None` is `NULL`.
    pub fn ask(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn try_ask(&self, sql: &str) -> Result<sql::Rows, sqlx::Error> {
        sql::ask::<Postgres>(&self.url_of(SUPERUSER, PASSWORD, NAME), sql)
    }
}

impl Launch for Server {
    fn launch(&mut self) -> Result<(), PortTaken> {
        let log = self.folder.path().join("log");
        let data = self.folder.path().join("data");
        let ready = |id: u32, _: &str| {
            // The first line is the id of the process that uses this data, the eighth is its state.
            let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            let mut lines = state.lines().map(str::trim);
            lines.next() == Some(&id.to_string())
                && lines.nth(6) == Some("ready")
                && self
                    .try_ask("SHOW data_directory")
                    .is_ok_and(|rows| rows == [[Some(data.display().to_string())]])
        };
        let process = Process::start(&program("postgres"), &self.arguments(), &log, ready)?;
        self.process = Some(process);
        Ok(())
    }

    fn change_ports(&mut self) {
        self.port = Port::claim();
    }

    fn port(&self) -> u16 {
        self.port()
    }
}

/// Returns a data folder that servers start with a copy of, as creating one takes ten times as long as
/// copying it.
fn template() -> &'static Folder {
    static TEMPLATE: OnceLock<Folder> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let (folder, initdb) = (Folder::swept_by(SWEEP), program("initdb"));
        let (data, password, setup) =
            (folder.file("data"), folder.file("password"), folder.file("setup.sql"));
        std::fs::write(&password, PASSWORD).expect("the file is writable");
        let statements =
            format!("CREATE ROLE {NAME} LOGIN PASSWORD '{PASSWORD}'\nCREATE DATABASE {NAME} OWNER {NAME}\n");
        std::fs::write(&setup, statements).expect("the file is writable");
        initdb.own(&folder);

        let pwfile = format!("--pwfile={password}");
        let arguments = ["-D", &data, "-U", SUPERUSER, "-A", "scram-sha-256", &pwfile, "--no-sync"];
        let encoding = ["--no-locale", "--encoding=UTF8"];
        initdb.run(&[&arguments[..], &encoding].concat(), Stdio::null());

        let arguments = ["--single", "-F", "-D", &data, SUPERUSER];
        let statements = File::open(&setup).expect("it was written");
        program("postgres").run(&arguments, statements.into());
        folder
    })
}
