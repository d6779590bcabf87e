//! PgBouncer, the connection pooler, in front of a PostgreSQL server.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::ports::{Launch, Port, PortTaken};
use crate::postgres::Server;
use crate::process::{Folder, Process, Program};
use crate::sql::{NAME, PASSWORD};

/// The Debian package that contains it.
pub const PACKAGE: &str = "pgbouncer";
/// The folder of the program on Debian, which is on the `PATH` of root only.
const FOLDER: &str = "/usr/sbin";
/// The user as which it runs if this process is root's: that of PostgreSQL's package, as its own package
/// creates none.
const USER: &str = "postgres";

fn program() -> Program {
    Program::new("pgbouncer", PACKAGE, vec![PathBuf::from(FOLDER)]).unless_root(USER)
}

/// A running pooler with its own port and folder.
#[derive(Debug)]
pub struct Pooler {
    server: u16,
    settings: Vec<String>,
    process: Option<Process>,
    folder: Folder,
    port: Port,
}

impl Pooler {
    /// Starts a pooler in front of a server, in transaction mode unless `settings` contain another
    /// `pool_mode`. They are lines of its `pgbouncer.ini`, such as `default_pool_size = 2`.
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

    /// Returns the contents of `pgbouncer.ini`.
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

    /// Returns the URL for the user and the database of [`Server::url`].
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// Returns the URL for another user or database.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Returns the port on loopback.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Launch for Pooler {
    fn launch(&mut self) -> Result<(), PortTaken> {
        let (users, ini) = (self.folder.file("users.txt"), self.folder.file("pgbouncer.ini"));
        std::fs::write(users, format!("\"{NAME}\" \"{PASSWORD}\"\n")).expect("the file is writable");
        std::fs::write(&ini, self.configuration()).expect("the file is writable");
        let (program, log) = (program(), self.folder.path().join("log"));
        program.own(&self.folder);
        // Reads the pooler's own log: if the port was taken, another server would answer there.
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
