//! PgBouncer, the connection pooler, in front of a PostgreSQL server.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::ports::{Launch, Port, PortTaken};
use crate::postgres::Server;
use crate::process::{Folder, Process, Program};
use crate::sql::{NAME, PASSWORD};

/// The Debian package that brings it.
pub const PACKAGE: &str = "pgbouncer";
/// Where Debian has it; only root has that on the `PATH`.
const FOLDER: &str = "/usr/sbin";
/// As whom it runs where this process is root's: the user of PostgreSQL's package, as its own package makes
/// none.
const USER: &str = "postgres";

fn program() -> Program {
    Program::new("pgbouncer", PACKAGE, vec![PathBuf::from(FOLDER)]).unless_root(USER)
}

/// One running pooler, on a port and in a folder of its own.
#[derive(Debug)]
pub struct Pooler {
    server: u16,
    settings: Vec<String>,
    process: Option<Process>,
    folder: Folder,
    port: Port,
}

impl Pooler {
    /// Starts a pooler in transaction mode in front of a server. `settings` are lines of its `pgbouncer.ini`,
    /// and go before those that this has: `default_pool_size = 2`.
    pub fn start(server: &Server, settings: &[&str]) -> Self {
        let mut pooler = Self {
            server: server.port(),
            settings: settings.iter().map(ToString::to_string).collect(),
            process: None,
            folder: Folder::new(),
            port: Port::claim(),
        };
        pooler.start_on_free_ports();
        pooler
    }

    /// Its `pgbouncer.ini`.
    fn configuration(&self) -> String {
        let mut configuration = format!(
            "[databases]\n{NAME} = host=127.0.0.1 port={} dbname={NAME}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\n",
            self.server,
            self.port(),
            self.folder.file("users.txt"),
        );
        for line in &self.settings {
            let _ = writeln!(configuration, "{line}");
        }
        if !self.settings.iter().any(|line| line.trim_start().starts_with("pool_mode")) {
            configuration.push_str("pool_mode = transaction\n");
        }
        configuration
    }

    /// Its address as a store takes it: of the user and the database of [`Server::url`].
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// The address for another user or database.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Its port on loopback.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Launch for Pooler {
    fn launch(&mut self) -> Result<(), PortTaken> {
        let (users, ini) = (self.folder.file("users.txt"), self.folder.file("pgbouncer.ini"));
        std::fs::write(users, format!("\"{NAME}\" \"{PASSWORD}\"\n")).expect("it can be written");
        std::fs::write(&ini, self.configuration()).expect("it can be written");
        let (program, log) = (program(), self.folder.path().join("log"));
        program.own(&self.folder);
        // By what it says itself, for on a port that was taken another server would answer.
        let is_up = |_: u32, text: &str| text.contains("process up");
        self.process = Some(Process::start(&program, &[ini], &log, is_up)?);
        Ok(())
    }

    fn change_ports(&mut self) {
        self.port = Port::claim();
    }

    fn port(&self) -> u16 {
        self.port.number()
    }
}
