//! The stateless strategy: a signed token that says everything, and no store.

use std::process::ExitCode;

use authcore_examples::credentials::Transport;
use authcore_examples::server::{self, Build};
use authcore_examples::strategies;

#[tokio::main]
async fn main() -> ExitCode {
    server::main("tokens", Transport::Bearer { refreshable: false }, Build::Alone(strategies::tokens)).await
}
