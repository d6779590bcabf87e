//! Ports for servers that must be given one.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::PATIENCE;

/// Below the ports that Linux assigns to clients and to listeners on port 0 while tests run.
const PORTS: Range<u16> = 12_000..22_000;
/// How far above its own port a node of a Redis Cluster listens for the other nodes.
const BUS: u16 = 10_000;
/// How many ports in a row may be taken when a server is started on them.
const TRIES: u32 = 20;

/// A TCP port of loopback that no other test on this machine uses while this value exists.
///
/// The UDP port of the same number is bound to mark the claim: all processes see it, and it ends with its
/// process. The claim outlives the server, so a server that was killed finds its port free when it is started
/// again.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _claim: UdpSocket,
}

impl Port {
    /// Claims a port on which nothing listens, together with the port of a Cluster's bus.
    pub(crate) fn claim() -> Self {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let count = u32::from(PORTS.end - PORTS.start);
        // Processes that run at the same time begin far from each other.
        let first = std::process::id().wrapping_mul(1_237) % count;
        for _ in 0..count {
            let turn = TURN.fetch_add(1, Ordering::Relaxed);
            let number = PORTS.start + (first.wrapping_add(turn) % count) as u16;
            let Ok(claim) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            // The server of a test that has just ended may still be shutting down.
            if [number, number + BUS].into_iter().all(is_free) {
                return Self { number, _claim: claim };
            }
        }
        panic!("all ports from {} to {} are taken", PORTS.start, PORTS.end - 1);
    }

    pub(crate) const fn number(&self) -> u16 {
        self.number
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The message of a server that ends because one of its ports is taken.
pub(crate) const TAKEN: &str = "Address already in use";

/// The server ended because another process listens on one of its ports.
#[derive(Debug)]
pub(crate) struct PortTaken;

/// A server that listens on the ports that it is given.
pub(crate) trait Launch {
    /// Starts the server on its ports and waits until it is ready.
    fn launch(&mut self) -> Result<(), PortTaken>;

    /// Claims other ports instead of its own.
    fn change_ports(&mut self);

    /// Returns the port for clients.
    fn port(&self) -> u16;

    /// Starts the server, on other ports if its own are taken.
    fn start_on_free_ports(&mut self) {
        for _ in 0..TRIES {
            if self.launch().is_ok() {
                return;
            }
            self.change_ports();
        }
        panic!("{TRIES} ports in a row were taken, at last {}", self.port());
    }

    /// Starts the server on the ports that clients know.
    fn start_on_same_ports(&mut self) {
        let start = Instant::now();
        while self.launch().is_err() {
            assert!(
                start.elapsed() < PATIENCE,
                "another process took port {} while its server was down: keep programs that do not belong to \
                 the tests off the ports {PORTS:?}",
                self.port()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A port of loopback that refuses connections for as long as this value exists.
#[derive(Debug)]
pub struct ClosedPort {
    number: u16,
    /// Bound, so that no other process gets the port, and never listening.
    _socket: tokio::net::TcpSocket,
}

impl ClosedPort {
    /// Claims a port that no process uses.
    pub fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has free ports");
        let number = socket.local_addr().expect("it is bound").port();
        Self { number, _socket: socket }
    }

    /// Returns its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl Default for ClosedPort {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashSet;
    use std::net::TcpStream;

    use super::*;
    use crate::Signal;
    use crate::process::wait_for;

    #[test]
    fn a_port_is_claimed_once() {
        let ports: Vec<_> = (0..200).map(|_| Port::claim()).collect();
        let numbers: HashSet<_> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
        for number in numbers {
            assert!(PORTS.contains(&number));
            assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).is_err(), "{number} can be claimed again");
        }
    }

    #[test]
    fn a_closed_port_refuses_and_stays_closed() {
        let port = ClosedPort::new();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(TcpListener::bind(address).is_err());
    }

    /// A server whose first ports are taken.
    struct Unlucky {
        port: Port,
        launches: u32,
        taken: u32,
        tried: Vec<u16>,
    }

    impl Unlucky {
        fn new(taken: u32) -> Self {
            Self { port: Port::claim(), launches: 0, taken, tried: Vec::new() }
        }
    }

    impl Launch for Unlucky {
        fn launch(&mut self) -> Result<(), PortTaken> {
            self.launches += 1;
            self.tried.push(self.port.number());
            if self.launches > self.taken { Ok(()) } else { Err(PortTaken) }
        }

        fn change_ports(&mut self) {
            self.port = Port::claim();
        }

        fn port(&self) -> u16 {
            self.port.number()
        }
    }

    #[test]
    fn a_first_start_moves_on_to_another_port_and_a_later_one_stays() {
        let mut first = Unlucky::new(2);
        first.start_on_free_ports();
        assert_eq!(first.tried.iter().collect::<HashSet<_>>().len(), 3, "{:?}", first.tried);
        let mut later = Unlucky::new(2);
        later.start_on_same_ports();
        assert_eq!(later.tried, [later.port(); 3]);
    }

    #[test]
    #[should_panic(expected = "20 ports in a row were taken")]
    fn a_first_start_gives_up_after_twenty_ports() {
        Unlucky::new(u32::MAX).start_on_free_ports();
    }

    macro_rules! strangers {
        ($($name:ident: $answers:expr;)*) => {$(
            mod $name {
                use super::*;
                use crate::$name::Server;

                /// Returns a server that is down, and a stranger that listens on its port.
                fn down() -> (Server, TcpListener) {
                    let server = Server::start(&[]);
                    server.signal(Signal::Kill);
                    let stranger = RefCell::new(None);
                    // A process that was killed may not have closed its sockets yet.
                    wait_for("the port", String::new, || {
                        *stranger.borrow_mut() = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port())).ok();
                        stranger.borrow().is_some()
                    });
                    (server, stranger.into_inner().unwrap())
                }

                #[test]
                fn moves_on_from_a_port_that_a_stranger_has() {
                    let (mut server, stranger) = down();
                    server.start_on_free_ports();
                    assert_ne!(server.port(), stranger.local_addr().unwrap().port());
                    $answers(&server);
                }

                #[test]
                fn waits_for_its_port_when_it_is_started_again() {
                    let (mut server, stranger) = down();
                    let (port, log) = (server.port(), server.folder().join("log"));
                    let restart = std::thread::spawn(move || {
                        server.restart();
                        server
                    });
                    let log = || std::fs::read_to_string(&log).unwrap_or_default();
                    wait_for("a start that fails", log, || log().contains(TAKEN));
                    drop(stranger);
                    let server = restart.join().unwrap();
                    assert_eq!(server.port(), port);
                    $answers(&server);
                }
            }
        )*};
    }

    strangers! {
        mysql: |server: &Server| drop(server.ask("SELECT 1"));
        postgres: |server: &Server| drop(server.ask("SELECT 1"));
        redis: |server: &Server| drop(server.ask(&["PING"]));
    }

    /// The pooler has no way to be killed and started again, so these tests launch it on a new port.
    mod pgbouncer {
        use sqlx::Postgres;

        use super::*;
        use crate::pgbouncer::Pooler;
        use crate::postgres::Server;
        use crate::sql;

        /// `sqlx` sends this parameter, which a pooler refuses.
        const SETTING: &str = "ignore_startup_parameters = extra_float_digits";

        /// Returns a pooler, and a stranger that listens on the port of its next launch.
        fn next_launch(server: &Server) -> (Pooler, TcpListener) {
            let mut pooler = Pooler::start(server, &[SETTING]);
            pooler.change_ports();
            let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, pooler.port())).unwrap();
            (pooler, stranger)
        }

        fn answers(pooler: &Pooler) {
            sql::ask::<Postgres>(&pooler.url(), "SELECT 1").unwrap();
        }

        #[test]
        fn moves_on_from_a_port_that_a_stranger_has() {
            let server = Server::start(&[]);
            let (mut pooler, stranger) = next_launch(&server);
            pooler.start_on_free_ports();
            assert_ne!(pooler.port(), stranger.local_addr().unwrap().port());
            answers(&pooler);
        }

        #[test]
        fn waits_for_its_port_when_it_is_started_again() {
            let server = Server::start(&[]);
            let (mut pooler, stranger) = next_launch(&server);
            let port = pooler.port();
            assert!(pooler.launch().is_err());
            drop(stranger);
            pooler.start_on_same_ports();
            assert_eq!(pooler.port(), port);
            answers(&pooler);
        }
    }
}
