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

/// The Debian package that brings it.
pub const PACKAGE: &str = "postgresql";
/// The user that the Debian package makes, and the superuser of the servers.
const SUPERUSER: &str = "postgres";
/// Where Debian has the programs, a folder for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Removes the segment of System V's shared memory by which a data folder is locked: nothing ends it with a
/// server that is killed, and a system has a few thousand. The seventh line of the file has its key and its
/// id.
const SWEEP: &str = r#"sed -n 7p "$0/data/postmaster.pid" | while read -r key id; do ipcrm -m "$id"; done"#;

/// Whether there is a server that can be started.
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

/// One running server, on a port and in a folder of its own.
#[derive(Debug)]
pub struct Server {
    options: Vec<String>,
    process: Option<Process>,
    certificate: Option<Certificate>,
    folder: Folder,
    port: Port,
}

impl Server {
    /// Starts a server that keeps what it acknowledged when it is killed. `options` are those of its command
    /// line: `-c`, `max_connections=50`.
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

    /// Starts it again, on the same port and data.
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
            // The end of a process loses nothing that it gave to the system, only the end of the system
            // would.
            "fsync=off",
            // In files of its data folder, which are removed with it.
            "dynamic_shared_memory_type=mmap",
        ];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        arguments.extend(self.options.iter().cloned());
        arguments
    }

    /// Starts a server that speaks TLS too, with a certificate for loopback of an authority of its own; gives
    /// its address there, which demands that both are right, and the authority, as PEM.
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

    /// Its address as a store takes it: of a user who owns the database there, and is no superuser.
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// The address for another user or database. The superuser is `postgres`, with the same password as in
    /// [`Server::url`].
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Its port on loopback.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its folder, which its command line names.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Tells all its processes something. After [`Signal::Kill`] it can be started again.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Executes statements as the superuser, over a connection of its own to the database of [`Server::url`].
    pub fn execute(&self, sql: &str) {
        self.ask(sql);
    }

    /// The rows that the server answers, to the superuser as in [`Server::execute`]. Values are as `psql`
    /// writes them: `t` for true, `\x00ff` for bytes; `None` is `NULL`.
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
            // The first line is the id of the process that works on this data, the eighth is its state.
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

/// A data folder that servers begin with a copy of: to make one takes ten times as long as to copy it.
fn template() -> &'static Folder {
    static TEMPLATE: OnceLock<Folder> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let (folder, initdb) = (Folder::swept_by(SWEEP), program("initdb"));
        let (data, password, setup) =
            (folder.file("data"), folder.file("password"), folder.file("setup.sql"));
        std::fs::write(&password, PASSWORD).expect("it can be written");
        let statements =
            format!("CREATE ROLE {NAME} LOGIN PASSWORD '{PASSWORD}'\nCREATE DATABASE {NAME} OWNER {NAME}\n");
        std::fs::write(&setup, statements).expect("it can be written");
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
