//! PgBouncer, the connection pooler, in front of a PostgreSQL server.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::postgres::Server;
use crate::process::{Folder, Process, Program, free_port, wait_for};
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
    port: u16,
    // Ended before its folder is removed.
    _process: Process,
    _folder: Folder,
}

impl Pooler {
    /// Starts a pooler in transaction mode in front of a server. `settings` are lines of its `pgbouncer.ini`,
    /// and go before those that this has: `default_pool_size = 2`.
    pub fn start(server: &Server, settings: &[&str]) -> Self {
        loop {
            if let Some(pooler) = Self::try_start(server, settings) {
                return pooler;
            }
        }
    }

    /// Starts it on some port; nothing if that was taken meanwhile.
    fn try_start(server: &Server, settings: &[&str]) -> Option<Self> {
        let (folder, port) = (Folder::new(), free_port());
        let users = folder.file("users.txt");
        let mut configuration = format!(
            "[databases]\n{NAME} = host=127.0.0.1 port={} dbname={NAME}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {users}\n",
            server.port()
        );
        let given = |name: &str| settings.iter().any(|line| line.trim_start().starts_with(name));
        for line in
            settings.iter().chain([&"pool_mode = transaction"].into_iter().filter(|_| !given("pool_mode")))
        {
            let _ = writeln!(configuration, "{line}");
        }
        std::fs::write(&users, format!("\"{NAME}\" \"{PASSWORD}\"\n")).expect("it can be written");
        std::fs::write(folder.file("pgbouncer.ini"), configuration).expect("it can be written");
        let (program, log) = (program(), folder.path().join("log"));
        program.own(&folder);

        let process = Process::start(&program, &[folder.file("pgbouncer.ini")], &log);
        let log = || std::fs::read_to_string(&log).unwrap_or_default();
        // By what it says itself, for on a port that was taken another server would answer.
        let (is_up, is_taken) = (|| log().contains("process up"), || log().contains("nowhere to listen on"));
        wait_for("PgBouncer to be up", log, || is_up() || is_taken());
        (!is_taken()).then_some(Self { port, _process: process, _folder: folder })
    }

    /// Its address as a store takes it: of the user and the database of [`Server::url`].
    pub fn url(&self) -> String {
        self.url_of(NAME, PASSWORD, NAME)
    }

    /// The address for another user or database.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }
}
