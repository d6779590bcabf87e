//! The stateful strategy: an opaque token in a cookie, and a session in a store that every request reads.

use std::process::ExitCode;

use authcore_examples::credentials::{SessionCookie, Transport};
use authcore_examples::server::{self, Build};
use authcore_examples::strategies;

#[tokio::main]
async fn main() -> ExitCode {
    let transport = Transport::Cookie(SessionCookie::default());
    server::main("sessions", transport, Build::OnStore(strategies::sessions)).await
}
