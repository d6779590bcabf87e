//! Server with the hybrid strategy: a short-lived access token, and a refresh token whose session is in a
//! store.

use std::process::ExitCode;

use authcore_examples::server;
use authcore_examples::strategies::Strategy;

#[tokio::main]
async fn main() -> ExitCode {
    server::main(Strategy::Hybrid).await
}
