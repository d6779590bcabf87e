//! Server with the stateless strategy: a self-contained signed token, without a store.

use std::process::ExitCode;

use authcore_examples::server;
use authcore_examples::strategies::Strategy;

#[tokio::main]
async fn main() -> ExitCode {
    server::main(Strategy::Tokens).await
}
