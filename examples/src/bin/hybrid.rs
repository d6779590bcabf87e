//! The hybrid strategy: a short-lived access token, and a refresh token whose session is in a store.

use std::process::ExitCode;

use authcore::MemoryStore;
use authcore_examples::credentials::Transport;
use authcore_examples::{server, strategies};

#[tokio::main]
async fn main() -> ExitCode {
    let transport = Transport::Bearer { refreshable: true };
    server::main("hybrid", transport, || strategies::hybrid(MemoryStore::new())).await
}
