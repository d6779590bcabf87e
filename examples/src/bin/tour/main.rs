//! A guided tour: starts each of the three example servers on a loopback port, drives it over HTTP as its clients
//! would, and shows every step. Exits with 1 at the first answer that is not the expected one.

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

const HELP: &str = "A tour through authcore's three strategies: starts the example servers, drives them over HTTP,\n\
    and shows every request and answer. Without options it needs no server, no database and no network.\n\n\
    Usage: cargo run -p authcore-examples --bin tour -- [options]\n\n  \
    --store <store>    where the sessions of the first and the third chapter live:\n                     ";

const ON_OTHER_STORES: &str = "On a store that outlives the process, a run leaves one session logged in for the next one to find, and its\n\
    token in a file: beside the database of SQLite, or in ~/.local/state/authcore-tour. One run at a time on a store.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let stores = match arguments[..] {
        [] => Ok(StoreChoice::Memory),
        ["--help" | "-h"] => {
            println!(
                "{HELP}{STORES}\n  --help             this text\n\n{ON_OTHER_STORES}\n\nColours are for terminals; set NO_COLOR to have none."
            );
            return ExitCode::SUCCESS;
        }
        ["--store", store] => StoreChoice::parse(store),
        ["--store"] => Err(format!("--store wants {STORES}")),
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
