//! A web page for trying the three strategies side by side in a browser.

use std::process::ExitCode;

use authcore_examples::playground;

#[tokio::main]
async fn main() -> ExitCode {
    playground::main().await
}
