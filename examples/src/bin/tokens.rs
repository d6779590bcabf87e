//! The stateless strategy: a signed token that says everything, and no store.

use std::process::ExitCode;

use authcore_examples::server;
use authcore_examples::strategies::Strategy;

#[tokio::main]
async fn main() -> ExitCode {
    server::main(Strategy::Tokens).await
}
