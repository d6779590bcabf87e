//! A page on which the three strategies can be tried side by side: real requests of a real browser, and what the server
//! did for each.
//!
//! | module | what it is |
//! | --- | --- |
//! | `apps` | the three applications: one guard and one protected route for each strategy |
//! | `counted` | a store that notes who called what |
//! | `envelope` | an answer together with what the server did for it |
//! | `held` | what the browser's request carried, with secrets shortened |
//! | `clients` | simulated clients: the second device and the thief |
//! | `lab` | the routes that only the page uses |
//! | `assets` | the page itself |
//! | `hosts` | by which names it answers |
//!
//! The routes that the page tries are those of `authcore-axum`, unchanged. What is of the playground stands under
//! `/<strategy>/auth/lab`, where the refresh cookie goes too.

mod apps;
mod assets;
mod clients;
mod counted;
mod envelope;
mod held;
mod hosts;
mod lab;

use std::error::Error;
use std::process::ExitCode;

use crate::options::{self, Options, PORT, STORE};
use crate::server::{listen, serve, url};
use crate::stores::StoreChoice;
use crate::strategies::Strategy;
use authcore::clock::SystemClock;
use authcore::password::PasswordHasher;
use axum::{Router, middleware};

type Failure = Box<dyn Error + Send + Sync>;

const OPTIONS: [&str; 2] = [PORT, STORE];

/// Runs the playground until Ctrl-C.
pub async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playground: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let Some(options) = Options::parse(std::env::args().skip(1), &OPTIONS)? else {
        println!("{}", help());
        return Ok(());
    };
    let listener = listen(options.port).await?;
    let url = url(&listener)?;
    let app = router(&options.store).await?;
    println!("playground: listening on {url}, until Ctrl-C\n\nOpen that address in a browser.");
    tokio::select! {
        served = serve(listener, app) => served?,
        // Without a handler for it, Ctrl-C ends the process at once, which is fine too.
        _ = tokio::signal::ctrl_c() => println!("\nplayground: stopped"),
    }
    Ok(())
}

/// The page and the three applications.
///
/// # Errors
///
/// If the store cannot be opened.
pub async fn router(store: &StoreChoice) -> Result<Router, Failure> {
    let hasher = PasswordHasher::builder().build()?;
    let mut router = assets::routes();
    for strategy in Strategy::ALL {
        let namespace = format!("authcore_playground_{}", strategy.name());
        let store = store.open(&namespace, SystemClock).await?;
        router = router.merge(apps::app(strategy, store, hasher.clone()).await?);
    }
    let router = router.layer(middleware::from_fn(envelope::wrap));
    let router = router.layer(middleware::from_fn(hosts::loopback_only));
    Ok(router.layer(middleware::from_fn(assets::restrict)))
}

fn help() -> String {
    format!(
        "A page on which the three strategies of authcore can be tried with a browser.\n\n\
         Usage: cargo run -p authcore-examples --bin playground -- [options]\n\n{}",
        options::help(&OPTIONS)
    )
}
