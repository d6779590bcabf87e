//! A guided tour: starts each of the three example servers on a loopback port, drives it over HTTP as its clients
//! would, and shows every step. Exits with 1 at the first answer that is not the expected one.

mod client;
mod guide;
mod hybrid;
mod jwt;
mod screen;
mod sessions;
mod steps;
mod tokens;

use std::process::ExitCode;

use crate::guide::{Failure, Guide};

const HELP: &str = "A tour through authcore's three strategies: starts the example servers, drives them over HTTP,\n\
    and shows every request and answer. It needs no server, no database and no network.\n\n\
    Usage: cargo run -p authcore-examples --bin tour\n\n  \
    --help    this text\n\n\
    Colours are for terminals; set NO_COLOR to have none.";

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--help" | "-h") => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("tour: unknown argument {other}; there is only --help");
            return ExitCode::FAILURE;
        }
    }
    let mut guide = Guide::new();
    let outcome = tour(&mut guide).await;
    conclude(&guide, outcome)
}

/// Says how the tour ended, to the reader and to whoever started the process.
fn conclude(guide: &Guide, outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => {
            guide.done();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            guide.failed(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn tour(guide: &mut Guide) -> Result<(), Failure> {
    guide.welcome();
    sessions::tour(guide).await?;
    tokens::tour(guide).await?;
    hybrid::tour(guide).await
}

#[cfg(test)]
mod tests {
    use authcore_examples::credentials::Transport;
    use authcore_examples::strategies;

    use super::*;
    use crate::client::Client;

    #[tokio::test]
    async fn the_exit_status_is_1_as_soon_as_a_step_fails() {
        let mut guide = Guide::new();
        assert_eq!(conclude(&guide, Ok(())), ExitCode::SUCCESS);
        let transport = Transport::Bearer { refreshable: false };
        let url = guide.chapter("test", "", strategies::tokens().unwrap(), transport).await.unwrap();
        let client = Client::new("laptop", &url).unwrap();
        let outcome = guide.step("open", client.get("/me"), 200).await.map(|_| ());
        assert_eq!(conclude(&guide, outcome), ExitCode::FAILURE);
    }
}
