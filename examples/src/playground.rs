//! A web page for trying the three strategies side by side. It sends real requests and shows what the server
//! did for each.
//!
//! | module | contents |
//! | --- | --- |
//! | `apps` | the three applications: one guard and one protected route for each strategy |
//! | `counted` | a store that records its calls per request |
//! | `envelope` | a response together with a trace of its request |
//! | `held` | the cookies of the browser's request, with secrets shortened |
//! | `clients` | simulated clients: the second device and the thief |
//! | `lab` | routes that only the page uses |
//! | `assets` | the page itself |
//! | `hosts` | the host names that the server accepts |
//!
//! The page uses the unchanged routes of `authcore-axum`. The playground's own routes are under
//! `/<strategy>/auth/lab`, so that browsers send the refresh cookie to them too.

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

use authcore::clock::SystemClock;
use authcore::password::PasswordHasher;
use axum::{Router, middleware};

use crate::options::{self, Options, PORT, STORE};
use crate::server::{listen, serve, url};
use crate::stores::StoreChoice;
use crate::strategies::Strategy;

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
        // If no handler can be installed, Ctrl-C ends the process at once.
        _ = tokio::signal::ctrl_c() => println!("\nplayground: stopped"),
    }
    Ok(())
}

/// Creates the router of the page and the three applications.
///
/// # Errors
///
/// Fails if the store cannot be opened.
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
        "A web page for trying the three strategies of authcore in a browser.\n\n\
         Usage: cargo run -p authcore-examples --bin playground -- [options]\n\n{}",
        options::help(&OPTIONS)
    )
}
