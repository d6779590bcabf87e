//! The stateless strategy: a signed token that says everything, and no store.

use std::process::ExitCode;

use authcore_examples::credentials::Transport;
use authcore_examples::{server, strategies};

#[tokio::main]
async fn main() -> ExitCode {
    server::main("tokens", Transport::Bearer { refreshable: false }, strategies::tokens).await
}
