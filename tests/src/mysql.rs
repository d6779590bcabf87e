//! MariaDB servers, which speak MySQL's protocol.

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use sqlx::MySql;

use crate::certificate::Certificate;
use crate::ports::{Launch, Port, PortTaken};
use crate::process::{Folder, Process, Program, Signal};
use crate::sql::{self, NAME, PASSWORD};

/// The Debian package that contains it.
pub const PACKAGE: &str = "mariadb-server";
/// The system user that the Debian package creates.
const USER: &str = "mysql";
/// The superuser of the servers.
const SUPERUSER: &str = "root";
/// The size of the log, which must be the same for the template and the server. The default is six times
/// the rest of the data.
const LOG_SIZE: &str = "--innodb-log-file-size=16M";

/// Returns whether the server is installed.
pub fn is_installed() -> bool {
    program("mariadbd").is_installed()
}

fn program(name: &'static str) -> Program {
    // The folder of the server on Debian, which is on the `PATH` of root only.
    Program::new(name, PACKAGE, vec!["/usr/sbin".into()]).unless_root(USER)
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
    /// options, such as `--max-connections=50`.
    pub fn start(options: &[&str]) -> Self {
        let mut server = Self {
            options: options.iter().map(ToString::to_string).collect(),
            process: None,
            certificate: None,
            folder: Folder::new(),
            port: Port::claim(),
        };
        server.folder.copy(template(), "data");
        program("mariadbd").own(&server.folder);
        server.start_on_free_ports();
        server
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        self.process = None;
        self.start_on_same_ports();
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            // Must be the first option. Ignores the configuration of the system's own server.
            "--no-defaults",
            "--bind-address=127.0.0.1",
            // Disables the socket.
            "--socket=",
            "--max-connections=200",
            "--innodb-buffer-pool-size=32M",
            LOG_SIZE,
            // Tests kill the process, not the system, so no write needs to reach the disk.
            "--innodb-flush-log-at-trx-commit=2",
            // Debian's settings.
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--port={}", self.port()));
        let files = [("datadir", "data"), ("tmpdir", "data"), ("pid-file", "pid")];
        arguments.extend(files.map(|(option, name)| format!("--{option}={}", self.folder.file(name))));
        arguments.extend(self.options.iter().cloned());
        arguments
    }

    /// Starts a server that also accepts TLS, with a loopback certificate of its own authority. Returns a
    /// URL that requires TLS and verifies the certificate, and the authority as PEM.
    pub fn start_with_tls() -> (Self, String, String) {
        let certificate = Certificate::new(&program("mariadbd"));
        let public = format!("--ssl-cert={}", certificate.public());
        let private = format!("--ssl-key={}", certificate.private());
        let mut server = Self::start(&[&public, &private]);
        let url =
            format!("mysql://{NAME}:{PASSWORD}@localhost:{}/{NAME}?ssl-mode=VERIFY_IDENTITY", server.port());
        let pem = certificate.pem().to_owned();
        server.certificate = Some(certificate);
        (server, url, pem)
    }

    /// Returns the URL of a user who has all privileges on one database and none elsewhere.
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// Returns the URL of another user or database. The superuser is `root`, with the password of
    /// [`Server::url`].
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("mysql://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Returns the port on loopback.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns the folder, which is part of the command line.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal to the server. After [`Signal::Kill`] it can be restarted.
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
    /// `mariadb`: `1` for true. `None` is `NULL`. Bytes that are not UTF-8 cause a panic: select their
    /// `HEX`.
    pub fn ask(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn try_ask(&self, sql: &str) -> Result<sql::Rows, sqlx::Error> {
        sql::ask::<MySql>(&self.url_of(SUPERUSER, PASSWORD, NAME), sql)
    }
}

impl Launch for Server {
    fn launch(&mut self) -> Result<(), PortTaken> {
        let (log, pid) = (self.folder.path().join("log"), self.folder.path().join("pid"));
        let data = format!("{}/", self.folder.file("data"));
        let ready = |id: u32, _: &str| {
            std::fs::read_to_string(&pid).is_ok_and(|written| written.trim() == id.to_string())
                && self.try_ask("SELECT @@datadir").is_ok_and(|rows| rows == [[Some(data.clone())]])
        };
        let process = Process::start(&program("mariadbd"), &self.arguments(), &log, ready)?;
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
        let (folder, install) = (Folder::new(), program("mariadb-install-db"));
        let statements = format!(
            "FLUSH PRIVILEGES;
             SET PASSWORD FOR '{SUPERUSER}'@'localhost' = PASSWORD('{PASSWORD}');
             CREATE DATABASE {NAME};
             GRANT ALL ON {NAME}.* TO '{NAME}'@'%' IDENTIFIED BY '{PASSWORD}';
            "
        );
        std::fs::write(folder.path().join("setup.sql"), statements).expect("the file is writable");
        install.own(&folder);
        let (data, setup) = (
            format!("--datadir={}", folder.file("data")),
            format!("--extra-file={}", folder.file("setup.sql")),
        );
        let arguments = ["--no-defaults", &data, &setup, LOG_SIZE, "--skip-test-db"];
        let access = ["--auth-root-authentication-method=normal"];
        install.run(&[&arguments[..], &access].concat(), Stdio::null());
        folder
    })
}
