//! The stateful strategy: an opaque token in a cookie, and a session in a store that every request reads.

use std::process::ExitCode;

use authcore::MemoryStore;
use authcore_examples::credentials::{SessionCookie, Transport};
use authcore_examples::{server, strategies};

#[tokio::main]
async fn main() -> ExitCode {
    server::main("sessions", Transport::Cookie(SessionCookie::default()), || {
        strategies::sessions(MemoryStore::new())
    })
    .await
}
