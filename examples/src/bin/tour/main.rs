//! A guided tour: starts each of the three example servers on a loopback port, sends it requests like its
//! clients, and shows every step. Exits with 1 at the first unexpected response.

mod between_runs;
mod client;
mod guide;
mod hybrid;
mod jwt;
mod screen;
mod sessions;
mod steps;
mod token_file;
mod tokens;

use std::process::ExitCode;

use authcore_examples::stores::{STORES, StoreChoice};

use crate::between_runs::Browser;
use crate::guide::{Failure, Guide};

const HELP: &str = "A tour of authcore's three strategies: starts the example servers, sends them requests\n\
    over HTTP and shows every request and response. Without options it needs no server, database or\n\
    network.\n\n\
    Usage: cargo run -p authcore-examples --bin tour -- [options]\n\n  \
    --store <store>    the store for the sessions of the first and third chapter:\n                     ";

const ON_OTHER_STORES: &str = "In a store that outlives the process, each run leaves a session for the next\n\
    run to find, and its token in a file: next to the SQLite database, or in ~/.local/state/authcore-tour.\n\
    Run only one tour at a time per store.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let stores = match arguments[..] {
        [] => Ok(StoreChoice::Memory),
        ["--help" | "-h"] => {
            println!(
                "{HELP}{STORES}\n  --help             this text\n\n{ON_OTHER_STORES}\n\n\
                 Colours are used only on terminals; set NO_COLOR to disable them."
            );
            return ExitCode::SUCCESS;
        }
        ["--store", store] => StoreChoice::parse(store),
        ["--store"] => Err(format!("--store must be {STORES}")),
        [other, ..] => Err(format!("unknown argument {other}; there are --store and --help")),
    };
    match stores {
        Ok(stores) => {
            let mut guide = Guide::new(stores);
            let outcome = tour(&mut guide).await;
            conclude(&guide, outcome)
        }
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reports how the tour ended, on the screen and as the exit status.
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
    let browser = Browser::start(guide).await?;
    sessions::tour(guide).await?;
    tokens::tour(guide).await?;
    hybrid::tour(guide).await?;
    match browser {
        Some(browser) => browser.leave(guide).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use authcore_examples::strategies::{self, Strategy};

    use super::*;
    use crate::client::Client;

    #[tokio::test]
    async fn the_exit_status_is_1_as_soon_as_a_step_fails() {
        let mut guide = Guide::new(StoreChoice::Memory);
        assert_eq!(conclude(&guide, Ok(())), ExitCode::SUCCESS);
        let auth = strategies::tokens().unwrap();
        let url = guide.chapter("test", "", Strategy::Tokens, auth, guide.clock()).await.unwrap();
        let client = Client::new("laptop", &url).unwrap();
        let outcome = guide.step("open", client.get("/me"), 200).await.map(|_| ());
        assert_eq!(conclude(&guide, outcome), ExitCode::FAILURE);
    }
}
