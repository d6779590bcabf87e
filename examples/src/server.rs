//! Starting and stopping a server.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use authcore::Auth;
use authcore::clock::SystemClock;
use authcore_axum::GuardBuilder;
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use tokio::net::TcpListener;

use crate::app::{self, page};
use crate::log;
use crate::options::{self, INSECURE_COOKIE, Options, PORT, STORE};
use crate::stores::StoreChoice;
use crate::strategies::{self, Strategy};

type Failure = Box<dyn Error + Send + Sync>;

/// Runs the server of a strategy until Ctrl-C.
pub async fn main(strategy: Strategy) -> ExitCode {
    match run(strategy).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", strategy.name());
            ExitCode::FAILURE
        }
    }
}

async fn run(strategy: Strategy) -> Result<(), Failure> {
    let Some(options) = Options::parse(std::env::args().skip(1), known(strategy))? else {
        println!("{}", help(strategy));
        return Ok(());
    };
    tracing::dispatcher::set_global_default(log::lines(|line| eprintln!("log: {line}")))?;
    let listener = listen(options.port).await?;
    let url = url(&listener)?;
    let auth = auth(strategy, &options.store).await?;
    let configure = |guard: GuardBuilder| {
        if options.insecure_cookie { guard.plain_cookies_on_loopback() } else { guard }
    };
    let router = app::router(strategy, auth, &url, configure).await?;
    let name = strategy.name();
    println!("{name}: listening on {url}, until Ctrl-C\n\n{}", page::try_it(strategy, &url));
    let interrupted = async {
        // If no handler can be installed, Ctrl-C ends the process at once.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, with_addresses(router)).with_graceful_shutdown(interrupted).await?;
    println!("\n{name}: stopped");
    Ok(())
}

async fn auth(strategy: Strategy, store: &StoreChoice) -> Result<Auth, Failure> {
    let namespace = format!("authcore_example_{}", strategy.name());
    match strategy {
        Strategy::Sessions => strategies::sessions(store.open(&namespace, SystemClock).await?),
        Strategy::Tokens => strategies::tokens(),
        Strategy::Hybrid => strategies::hybrid(store.open(&namespace, SystemClock).await?),
    }
}

/// Listens only on this machine; port 0 selects a free port.
///
/// # Errors
///
/// Fails if the port is taken.
pub async fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        format!("cannot listen on 127.0.0.1:{port}: {error}; choose another port with --port").into()
    })
}

/// Returns the URL of a listener.
///
/// # Errors
///
/// Fails if the listener has no address.
pub fn url(listener: &TcpListener) -> Result<String, Failure> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Serves the router until the future is dropped.
///
/// # Errors
///
/// Fails if the listener fails.
pub async fn serve(listener: TcpListener, router: Router) -> Result<(), Failure> {
    Ok(axum::serve(listener, with_addresses(router)).await?)
}

/// Adds the clients' addresses, which the login throttle and the list of devices use.
fn with_addresses(router: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    router.into_make_service_with_connect_info()
}

/// Returns the options of a strategy's server.
const fn known(strategy: Strategy) -> &'static [&'static str] {
    match strategy {
        Strategy::Sessions => &[PORT, STORE, INSECURE_COOKIE],
        Strategy::Tokens => &[PORT],
        Strategy::Hybrid => &[PORT, STORE],
    }
}

fn help(strategy: Strategy) -> String {
    let (name, store) = match strategy {
        Strategy::Tokens => ("tokens", "without a store"),
        other => (other.name(), "with the store in memory or another one"),
    };
    format!(
        "An example server of authcore: the {name} strategy, {store}.\n\n\
         Usage: cargo run -p authcore-examples --bin {name} -- [options]\n\n{}",
        options::help(known(strategy))
    )
}
