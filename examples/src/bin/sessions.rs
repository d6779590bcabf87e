//! Server with the stateful strategy: an opaque token in a cookie, and a session that every request reads
//! from a store.

use std::process::ExitCode;

use authcore_examples::server;
use authcore_examples::strategies::Strategy;

#[tokio::main]
async fn main() -> ExitCode {
    server::main(Strategy::Sessions).await
}
