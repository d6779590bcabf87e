//! Redis servers, single and in a Cluster.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Client, Connection, Value};

use crate::certificate::Certificate;
use crate::process::{Folder, Process, Program, Signal, free_port, wait_for};

const PROGRAM: &str = "redis-server";
/// The Debian package that brings it.
pub const PACKAGE: &str = "redis-server";

/// Whether there is a server that can be started.
pub fn is_installed() -> bool {
    program().is_installed()
}

fn program() -> Program {
    Program::new(PROGRAM, PACKAGE, Vec::new())
}

/// One running server, on a port and in a folder of its own.
#[derive(Debug)]
pub struct Server {
    port: u16,
    options: Vec<String>,
    process: Option<Process>,
    certificate: Option<Certificate>,
    folder: Folder,
}

impl Server {
    /// Starts a server that writes everything down before it acknowledges it, so that it keeps its data when it is
    /// killed. `options` are those of its command line: `--maxmemory`, `10mb`.
    pub fn start(options: &[&str]) -> Self {
        let mut server = Self {
            port: free_port(),
            options: options.iter().map(ToString::to_string).collect(),
            folder: Folder::new(),
            process: None,
            certificate: None,
        };
        server.restart();
        server
    }

    /// Starts it again, on the same port and data.
    pub fn restart(&mut self) {
        self.process = None;
        let folder = self.folder.path().display().to_string();
        let port = self.port.to_string();
        let mut arguments: Vec<String> =
            ["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--save", "", "--appendonly", "yes"]
                .map(str::to_owned)
                .into();
        arguments.extend(["--appendfsync", "always"].map(str::to_owned));
        arguments.extend(self.options.iter().cloned());
        self.process = Some(Process::start(&program(), &arguments, &self.folder.path().join("log")));
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        wait_for("the server to answer", log, || self.ping());
    }

    fn ping(&self) -> bool {
        let timeout = Duration::from_secs(5);
        let client = Client::open(self.url()).expect("it is a URL");
        let answer = client
            .get_connection_with_timeout(timeout)
            .and_then(|mut connection| redis::cmd("PING").exec(&mut connection));
        // That it wants a password first is an answer too.
        answer.is_ok() || answer.is_err_and(|error| error.code() == Some("NOAUTH"))
    }

    fn connection(&self) -> Option<Connection> {
        let timeout = Duration::from_secs(5);
        let connection = Client::open(self.url()).ok()?.get_connection_with_timeout(timeout).ok()?;
        connection.set_read_timeout(Some(timeout)).ok()?;
        Some(connection)
    }

    /// Starts a server that speaks TLS too, with a certificate for loopback of an authority of its own; gives its address
    /// there and the authority, as PEM.
    pub fn start_with_tls() -> (Self, String, String) {
        let certificate = Certificate::new(&program());
        let (port, public, private) = (free_port().to_string(), certificate.public(), certificate.private());
        let files = ["--tls-cert-file", &public, "--tls-key-file", &private, "--tls-ca-cert-file", &public];
        let options = [&["--tls-port", &port, "--tls-auth-clients", "no"][..], &files].concat();
        let mut server = Self::start(&options);
        let pem = certificate.pem().to_owned();
        server.certificate = Some(certificate);
        (server, format!("rediss://localhost:{port}"), pem)
    }

    /// Its address as a store takes it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Tells its process something. After [`Signal::Kill`] it can be started again.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// What the server answers to a command, over a connection of its own.
    pub fn ask(&self, command: &[&str]) -> Value {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn try_ask(&self, command: &[&str]) -> redis::RedisResult<Value> {
        let mut connection = self.connection().ok_or((redis::ErrorKind::Io, "no connection"))?;
        let (name, arguments) = command.split_first().expect("a command has a name");
        redis::cmd(name).arg(arguments).query(&mut connection)
    }

    /// A number that `INFO` has.
    pub fn info(&self, field: &str) -> u64 {
        let Value::BulkString(info) = self.ask(&["INFO"]) else { panic!("INFO gave no text") };
        let info = String::from_utf8_lossy(&info).into_owned();
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("INFO has no {field}"))
    }
}

/// Three masters, and perhaps a replica of each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a Cluster of three masters with so many replicas each.
    pub fn start(replicas: usize) -> Self {
        let count = 3 * (1 + replicas);
        let options =
            ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--repl-diskless-sync-delay", "0"];
        let nodes: Vec<Server> = (0..count).map(|_| Server::start(&options)).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let output = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"])
            .output()
            .expect("redis-cli comes with redis-server");
        assert!(output.status.success(), "no Cluster: {}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { nodes };
        cluster.wait_until_whole();
        cluster
    }

    /// Waits until every node that runs serves all slots, and replicas are in step.
    pub fn wait_until_whole(&self) {
        let state = || {
            self.nodes.iter().fold(String::new(), |mut text, node| {
                let _ = writeln!(text, "{}: {:?}", node.port, node.try_ask(&["CLUSTER", "INFO"]));
                text
            })
        };
        wait_for("the Cluster to be whole", state, || self.nodes.iter().all(Server::is_whole));
    }

    /// The addresses of all nodes, as a store takes them.
    pub fn urls(&self) -> String {
        self.nodes.iter().map(Server::url).collect::<Vec<_>>().join(",")
    }

    /// Its nodes: the masters first, as it was started.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Its nodes, to be started again.
    pub fn nodes_mut(&mut self) -> &mut [Server] {
        &mut self.nodes
    }
}

impl Server {
    fn is_whole(&self) -> bool {
        let text = |command: &[&str]| match self.try_ask(command) {
            Ok(Value::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(Value::VerbatimString { text, .. }) => text,
            _ => String::new(),
        };
        let replication = text(&["INFO", "replication"]);
        text(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            && (replication.contains("role:master") || replication.contains("master_link_status:up"))
    }

    /// Some keys of a slot.
    pub fn keys_in_slot(&self, slot: &str) -> Vec<String> {
        match self.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100"]) {
            Value::Array(keys) => {
                keys.into_iter().filter_map(|key| redis::from_redis_value(key).ok()).collect()
            }
            other => panic!("CLUSTER GETKEYSINSLOT gave {other:?}"),
        }
    }

    /// The node's id in its Cluster.
    pub fn cluster_id(&self) -> String {
        match self.ask(&["CLUSTER", "MYID"]) {
            Value::BulkString(id) => String::from_utf8_lossy(&id).into_owned(),
            other => panic!("CLUSTER MYID gave {other:?}"),
        }
    }

    /// Whether it is a master now.
    pub fn is_master(&self) -> bool {
        matches!(self.try_ask(&["ROLE"]), Ok(Value::Array(role)) if role.first() == Some(&Value::BulkString(b"master".to_vec())))
    }
}

/// A prefix that no other test uses, on whichever server.
pub fn fresh_prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}-{}:", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
