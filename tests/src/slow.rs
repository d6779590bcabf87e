//! A proxy in front of a server that delays traffic or silently drops its connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A TCP proxy on loopback that forwards requests to a server after a delay.
///
/// A client that waits for each response takes that much longer per round trip.
#[derive(Debug)]
pub struct DelayProxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    millis: AtomicU64,
    /// The number of times that connections were dropped.
    forgotten: AtomicU64,
    /// The number of connections so far.
    taken: AtomicU64,
}

impl DelayProxy {
    /// Starts a proxy without delay.
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State::default());
        let of_connections = Arc::clone(&state);
        // The thread ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                of_connections.taken.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { continue };
                let copies = client.try_clone().and_then(|client| Ok((client, server.try_clone()?)));
                let Ok((client_too, server_too)) = copies else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                forward(client, server, Direction::ToServer, Arc::clone(&of_connections));
                forward(server_too, client_too, Direction::ToClient, Arc::clone(&of_connections));
            }
        });
        Self { port, state }
    }

    /// Returns the port of the proxy on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> u64 {
        self.state.taken.load(Ordering::Relaxed)
    }

    /// Delays every request by `delay` from now on.
    pub fn delay_by(&self, delay: Duration) {
        self.state.millis.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// Silently discards all traffic of the existing connections, like a firewall that has lost their state.
    ///
    /// New connections work.
    pub fn blackhole_connections(&self) {
        self.state.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// Forwards data in one direction. Data that arrives during a delay is not delayed again.
fn forward(mut from: TcpStream, mut to: TcpStream, direction: Direction, state: Arc<State>) {
    let (sender, receiver) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
    let born = state.forgotten.load(Ordering::SeqCst);
    let of_receiver = Arc::clone(&state);
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let delay =
                if direction == Direction::ToServer { state.millis.load(Ordering::Relaxed) } else { 0 };
            let due = Instant::now() + Duration::from_millis(delay);
            if sender.send((due, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if of_receiver.forgotten.load(Ordering::SeqCst) == born && to.write_all(&bytes).is_err() {
                break;
            }
        }
        if of_receiver.forgotten.load(Ordering::SeqCst) == born {
            let _ = to.shutdown(Shutdown::Both);
        } else {
            // Not even the end of the connection is forwarded.
            std::mem::forget(to);
        }
    });
}
