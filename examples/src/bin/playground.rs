//! A page on which the three strategies can be tried side by side, with a browser.

use std::process::ExitCode;

use authcore_examples::playground;

#[tokio::main]
async fn main() -> ExitCode {
    playground::main().await
}
