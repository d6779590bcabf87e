//! A way to a server that takes its time, or forgets who was on it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Passes on to a server what comes, each thing so much later: what waits for answers takes that much longer for each.
#[derive(Debug)]
pub struct SlowWay {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    millis: AtomicU64,
    /// How often connections were forgotten.
    forgotten: AtomicU64,
    /// How many connections were begun.
    taken: AtomicU64,
}

impl SlowWay {
    /// Begins without delay.
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State::default());
        let of_connections = Arc::clone(&state);
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                of_connections.taken.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { continue };
                let copies = client.try_clone().and_then(|client| Ok((client, server.try_clone()?)));
                let Ok((client_too, server_too)) = copies else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                pass_on(client, server, Direction::ToServer, Arc::clone(&of_connections));
                pass_on(server_too, client_too, Direction::ToClient, Arc::clone(&of_connections));
            }
        });
        Self { port, state }
    }

    /// Where it begins, on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were begun over it.
    pub fn connections(&self) -> u64 {
        self.state.taken.load(Ordering::Relaxed)
    }

    /// Makes every request so much later from now on.
    pub fn delay_by(&self, delay: Duration) {
        self.state.millis.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// Loses without a word whatever is sent on the connections that there are, as a firewall does that has forgotten them.
    /// New ones work.
    pub fn forget(&self) {
        self.state.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// Passes on in one direction; what comes while something waits does not wait longer for that.
fn pass_on(mut from: TcpStream, mut to: TcpStream, direction: Direction, state: Arc<State>) {
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
            // Not even its end is told.
            std::mem::forget(to);
        }
    });
}
