//! The hybrid strategy: a short-lived access token, and a refresh token whose session is in a store.

use std::process::ExitCode;

use authcore_examples::credentials::Transport;
use authcore_examples::server::{self, Build};
use authcore_examples::strategies;

#[tokio::main]
async fn main() -> ExitCode {
    let transport = Transport::Bearer { refreshable: true };
    server::main("hybrid", transport, Build::OnStore(strategies::hybrid)).await
}
