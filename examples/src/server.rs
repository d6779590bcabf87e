//! The command line, the port, the start and the end of a server.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use authcore::password::{PasswordHasher, PasswordLogin};
use authcore::{Auth, SessionStore, SystemClock};
use tokio::net::TcpListener;

use crate::accounts::{DEMO_EMAIL, DEMO_PASSWORD, DemoAccounts};
use crate::app::{App, Log, router};
use crate::credentials::{SessionCookie, Transport};
use crate::stores::{STORES, StoreChoice};

type Failure = Box<dyn Error + Send + Sync>;

const INSECURE_COOKIE: &str = "--insecure-loopback-cookie";

/// How a server makes its [`Auth`].
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "there is either a store or none")]
pub enum Build {
    /// Without a store.
    Alone(fn() -> Result<Auth, Failure>),
    /// On the store that the command line names.
    OnStore(fn(Arc<dyn SessionStore>) -> Result<Auth, Failure>),
}

/// Runs one of the example servers until Ctrl-C.
pub async fn main(name: &str, transport: Transport, build: Build) -> ExitCode {
    match run(name, transport, build).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(name: &str, transport: Transport, build: Build) -> Result<(), Failure> {
    let Some(options) = Options::parse(std::env::args().skip(1), transport, build)? else {
        println!("{}", help(name, build));
        return Ok(());
    };
    let listener = listen(options.port).await?;
    let log: Log = Arc::new(|line| eprintln!("log: {line}"));
    let auth = match build {
        Build::Alone(build) => build()?,
        Build::OnStore(build) => {
            build(options.store.open(&format!("authcore_example_{name}"), SystemClock).await?)?
        }
    };
    let app = app(auth, options.transport, log, &listener).await?;
    println!("{name}: listening on {}, until Ctrl-C\n\n{}", app.url, try_it(&app));
    let interrupted = async {
        // Without a handler for it, Ctrl-C ends the process at once, which is fine too.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, router(app)).with_graceful_shutdown(interrupted).await?;
    println!("\n{name}: stopped");
    Ok(())
}

/// Listens on this machine only; port 0 takes any free one.
///
/// # Errors
///
/// If the port is taken.
pub async fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        format!("cannot listen on 127.0.0.1:{port}: {error}; choose another port with --port").into()
    })
}

/// The application that answers on `listener`.
///
/// # Errors
///
/// If the demo accounts cannot be made, or the listener has no address.
pub async fn app(auth: Auth, transport: Transport, log: Log, listener: &TcpListener) -> Result<App, Failure> {
    let url = format!("http://{}", listener.local_addr()?);
    let hasher = PasswordHasher::builder().build()?;
    let accounts = DemoAccounts::new(&hasher).await?;
    let passwords = PasswordLogin::new(auth.clone(), hasher, accounts);
    Ok(App { auth, passwords, transport, url, log })
}

/// Commands that work when pasted into a shell, one after the other.
pub fn try_it(app: &App) -> String {
    let url = &app.url;
    let login = format!("-d email={DEMO_EMAIL} -d password={DEMO_PASSWORD} -d device=curl {url}/login");
    // The answers end without a new line.
    let curl = r"curl -w '\n'";
    let member = |name: &str| format!(r#"$(echo "$LOGIN" | sed -n 's/.*"{name}":"\([^"]*\).*/\1/p')"#);
    let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
    let commands = match app.transport {
        Transport::Cookie(_) => vec![
            format!("{curl} -c cookies.txt {login}"),
            format!("{curl} -b cookies.txt {url}/me"),
            format!("{curl} -b cookies.txt {url}/sessions"),
            format!("{curl} -b cookies.txt -c cookies.txt -X POST {url}/logout"),
        ],
        Transport::Bearer { refreshable } => {
            let mut commands =
                vec![format!("LOGIN=$(curl -s {login})"), format!("TOKEN={}", member("access_token"))];
            if refreshable {
                commands.push(format!("REFRESH={}", member("refresh_token")));
            }
            commands.push(format!("{curl} {bearer} {url}/me"));
            commands.push(format!("{curl} {bearer} {url}/sessions"));
            if refreshable {
                commands.push(format!(r#"{curl} -d "refresh_token=$REFRESH" {url}/refresh"#));
            }
            commands.push(format!("{curl} {bearer} -X POST {url}/logout"));
            commands
        }
    };
    let note = if let Transport::Bearer { refreshable: true } = app.transport {
        "\nA refresh replaces the refresh token, unless that is younger than 30 seconds: then the same one comes again.\n"
    } else {
        ""
    };
    format!(
        "Log in as {DEMO_EMAIL} with the password {DEMO_PASSWORD}:\n\n  {}\n{note}",
        commands.join("\n  ")
    )
}

fn help(name: &str, build: Build) -> String {
    let mut options = String::from(
        "\n  --port <number>             the port on 127.0.0.1, 3000 unless AUTHCORE_PORT says otherwise; 0 takes a free one",
    );
    let store = if let Build::OnStore(_) = build {
        options += &format!("\n  --store <store>             {STORES}");
        "on the embedded store or another one"
    } else {
        "without a store"
    };
    if name == "sessions" {
        options += &format!(
            "\n  {INSECURE_COOKIE}  a cookie without Secure, for browsers that want HTTPS for it (Safari)"
        );
    }
    format!(
        "An example server of authcore: the {name} strategy, {store}.\n\n\
         Usage: cargo run -p authcore-examples --bin {name} -- [options]\n{options}\n  \
         --help                      this text"
    )
}

#[derive(Debug)]
struct Options {
    port: u16,
    transport: Transport,
    store: StoreChoice,
}

impl Options {
    /// `None` if help is asked for.
    fn parse(
        mut arguments: impl Iterator<Item = String>,
        mut transport: Transport,
        build: Build,
    ) -> Result<Option<Self>, String> {
        let (mut port, mut store) = (None, StoreChoice::default());
        while let Some(argument) = arguments.next() {
            match (argument.as_str(), &transport, build) {
                ("--help" | "-h", ..) => return Ok(None),
                ("--port", ..) => {
                    port = Some(parse_port("--port", &arguments.next().unwrap_or_default())?);
                }
                ("--store", _, Build::OnStore(_)) => {
                    store = StoreChoice::parse(&arguments.next().unwrap_or_default())?;
                }
                (INSECURE_COOKIE, Transport::Cookie(_), _) => {
                    transport = Transport::Cookie(SessionCookie::insecure_for_loopback());
                }
                (other, ..) => {
                    let store = if let Build::OnStore(_) = build { ", --store" } else { "" };
                    let cookie = match transport {
                        Transport::Cookie(_) => format!(", {INSECURE_COOKIE}"),
                        Transport::Bearer { .. } => String::new(),
                    };
                    return Err(format!(
                        "unknown argument {other}; there are --port{store}{cookie} and --help"
                    ));
                }
            }
        }
        Ok(Some(Self { port: port_or_default(port)?, transport, store }))
    }
}

/// What the command line says, or else the environment, or else 3000.
pub(crate) fn port_or_default(port: Option<u16>) -> Result<u16, String> {
    match (port, std::env::var("AUTHCORE_PORT")) {
        (Some(port), _) => Ok(port),
        (None, Ok(text)) => parse_port("AUTHCORE_PORT", &text),
        (None, Err(_)) => Ok(3000),
    }
}

pub(crate) fn parse_port(name: &str, text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{name} wants a number from 0 to 65535"))
}
