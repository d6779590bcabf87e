//! Redis servers: single nodes and Clusters.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Client, Connection, Value};

use crate::certificate::Certificate;
use crate::ports::{Launch, Port, PortTaken};
use crate::process::{Folder, Process, Program, Signal, wait_for};

const PROGRAM: &str = "redis-server";
/// The Debian package that installs it.
pub const PACKAGE: &str = "redis-server";

/// Returns whether the server is installed.
pub fn is_installed() -> bool {
    program().is_installed()
}

fn program() -> Program {
    Program::new(PROGRAM, PACKAGE, Vec::new())
}

/// One running server, on a port and in a folder of its own.
#[derive(Debug)]
pub struct Server {
    options: Vec<String>,
    process: Option<Process>,
    tls: Option<Tls>,
    folder: Folder,
    port: Port,
}

/// The TLS port of a server, and its certificate.
#[derive(Debug)]
struct Tls {
    port: Port,
    certificate: Certificate,
}

impl Server {
    /// Starts a server that writes to disk before it acknowledges, so it keeps its data when it is killed.
    /// `options` are those of its command line: `--maxmemory`, `10mb`.
    pub fn start(options: &[&str]) -> Self {
        Self::start_on(options, None)
    }

    fn start_on(options: &[&str], tls: Option<Tls>) -> Self {
        let mut server = Self {
            options: options.iter().map(ToString::to_string).collect(),
            process: None,
            tls,
            folder: Folder::new(),
            port: Port::claim(),
        };
        server.start_on_free_ports();
        server
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        self.process = None;
        self.start_on_same_ports();
    }

    fn arguments(&self) -> Vec<String> {
        let (port, folder) = (self.port().to_string(), self.folder.path().display().to_string());
        let fixed =
            ["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--save", "", "--appendonly", "yes"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        arguments.extend(["--appendfsync", "always"].map(str::to_owned));
        if let Some(Tls { port, certificate }) = &self.tls {
            let (port, public) = (port.number().to_string(), certificate.public());
            arguments.extend(["--tls-port", &port, "--tls-auth-clients", "no"].map(str::to_owned));
            let files = [("cert", &public), ("key", &certificate.private()), ("ca-cert", &public)];
            arguments.extend(
                files.into_iter().flat_map(|(file, path)| [format!("--tls-{file}-file"), path.clone()]),
            );
        }
        arguments.extend(self.options.iter().cloned());
        arguments
    }

    /// Returns whether the server at the port is this process, and has loaded its data.
    fn is_process(&self, id: u32) -> bool {
        let info = self.try_ask(&["INFO"]).map(|info| text(&info)).unwrap_or_default();
        let has = |field: &str| info.lines().any(|line| line == field);
        has(&format!("process_id:{id}")) && has("loading:0")
    }

    fn connection(&self) -> Option<Connection> {
        let timeout = Duration::from_secs(60);
        let password = self.options.iter().skip_while(|option| *option != "--requirepass").nth(1);
        let user = password.map(|password| format!(":{password}@")).unwrap_or_default();
        let client = Client::open(format!("redis://{user}127.0.0.1:{}", self.port())).ok()?;
        let connection = client.get_connection_with_timeout(timeout).ok()?;
        connection.set_read_timeout(Some(timeout)).ok()?;
        Some(connection)
    }

    /// Starts a server that also speaks TLS, with a certificate for loopback from an authority of its own.
    /// Returns the server, its URL for TLS and the authority as PEM.
    pub fn start_with_tls() -> (Self, String, String) {
        let certificate = Certificate::new(&program());
        let pem = certificate.pem().to_owned();
        let server = Self::start_on(&[], Some(Tls { port: Port::claim(), certificate }));
        let port = server.tls.as_ref().map_or(0, |tls| tls.port.number());
        (server, format!("rediss://localhost:{port}"), pem)
    }

    /// Returns its URL for a store.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Returns its port on loopback.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends its process a signal. After [`Signal::Kill`] the server can be started again.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Returns the answer to a command, over a new connection.
    pub fn ask(&self, command: &[&str]) -> Value {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn try_ask(&self, command: &[&str]) -> redis::RedisResult<Value> {
        let mut connection = self.connection().ok_or((redis::ErrorKind::Io, "no connection"))?;
        let (name, arguments) = command.split_first().expect("a command has a name");
        redis::cmd(name).arg(arguments).query(&mut connection)
    }

    /// Returns a number from `INFO`.
    pub fn info(&self, field: &str) -> u64 {
        let info = text(&self.ask(&["INFO"]));
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("INFO has no {field}"))
    }
}

impl Launch for Server {
    fn launch(&mut self) -> Result<(), PortTaken> {
        let log = self.folder.path().join("log");
        let ready = |id: u32, log: &str| {
            // Each line of its log begins with the id of the process that wrote it.
            let mut own = log.lines().filter(|line| line.starts_with(&format!("{id}:")));
            own.any(|line| line.contains("Ready to accept connections")) && self.is_process(id)
        };
        let process = Process::start(&program(), &self.arguments(), &log, ready)?;
        self.process = Some(process);
        Ok(())
    }

    fn change_ports(&mut self) {
        self.port = Port::claim();
        if let Some(tls) = &mut self.tls {
            tls.port = Port::claim();
        }
    }

    fn port(&self) -> u16 {
        self.port()
    }
}

/// Returns an answer as text.
fn text(value: &Value) -> String {
    match value {
        Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}

/// A Cluster of three masters, and any replicas of each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a Cluster of three masters, each with this many replicas.
    pub fn start(replicas: usize) -> Self {
        let count = 3 * (1 + replicas);
        // How long a node may be silent, in milliseconds, before the others take it for failed. On a busy
        // machine a healthy node must not fail. A test of a failover waits for this time.
        let node_timeout = if replicas == 0 { "60000" } else { "5000" };
        let options = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            node_timeout,
            "--repl-diskless-sync-delay",
            "0",
        ];
        let nodes: Vec<Server> = (0..count).map(|_| Server::start(&options)).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        // `redis-cli` would wait for ever for nodes that do not find each other.
        let output = Command::new("timeout")
            .args(["120", "redis-cli", "--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"])
            .output()
            .expect("redis-cli comes with redis-server");
        assert!(output.status.success(), "no Cluster: {}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { nodes };
        cluster.wait_until_whole();
        cluster
    }

    /// Waits until every node serves all slots and every replica is connected to its master.
    pub fn wait_until_whole(&self) {
        let state = || {
            self.nodes.iter().fold(String::new(), |mut text, node| {
                let _ = writeln!(text, "{}: {:?}", node.port(), node.try_ask(&["CLUSTER", "INFO"]));
                text
            })
        };
        wait_for("the Cluster to be whole", state, || self.nodes.iter().all(Server::is_whole));
    }

    /// Returns the URLs of all nodes for a store.
    pub fn urls(&self) -> String {
        self.nodes.iter().map(Server::url).collect::<Vec<_>>().join(",")
    }

    /// Returns its nodes. At the start, the first three are the masters.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Returns its nodes, so that they can be started again.
    pub fn nodes_mut(&mut self) -> &mut [Server] {
        &mut self.nodes
    }
}

impl Server {
    fn is_whole(&self) -> bool {
        let ask = |command: &[&str]| self.try_ask(command).map(|answer| text(&answer)).unwrap_or_default();
        let replication = ask(&["INFO", "replication"]);
        ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            && (replication.contains("role:master") || replication.contains("master_link_status:up"))
    }

    /// Returns up to 100 keys of a slot.
    pub fn keys_in_slot(&self, slot: &str) -> Vec<String> {
        match self.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100"]) {
            Value::Array(keys) => {
                keys.into_iter().filter_map(|key| redis::from_redis_value(key).ok()).collect()
            }
            other => panic!("CLUSTER GETKEYSINSLOT gave {other:?}"),
        }
    }

    /// Returns the node's id in its Cluster.
    pub fn cluster_id(&self) -> String {
        match self.ask(&["CLUSTER", "MYID"]) {
            Value::BulkString(id) => String::from_utf8_lossy(&id).into_owned(),
            other => panic!("CLUSTER MYID gave {other:?}"),
        }
    }

    /// Returns whether the node is a master now.
    pub fn is_master(&self) -> bool {
        let master = Value::BulkString(b"master".to_vec());
        matches!(self.try_ask(&["ROLE"]), Ok(Value::Array(role)) if role.first() == Some(&master))
    }
}

/// Returns a prefix that no other test uses on any server.
pub fn fresh_prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}-{}:", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
