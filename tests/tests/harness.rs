//! The servers of SQL, as the tests of stores rely on them.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use authcore_tests::{Signal, fresh_table};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, raw_sql};
use tokio::time::timeout;

/// How long a call to a server that is held is watched.
const HELD: Duration = Duration::from_millis(300);
/// How long a call to a server that works may take: only one that hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

macro_rules! harness {
    ($name:ident {
        connection: $connection:ty,
        trust: $trust:path,
        limit: $limit:expr,
        ask_limit: $ask_limit:expr,
    }) => {
        mod $name {
            use authcore_tests::$name::Server;

            use super::*;

            #[tokio::test]
            async fn keeps_what_it_acknowledged_when_it_is_killed() {
                let (mut server, table) = (Server::start(&[]), fresh_table());
                let mut connection = <$connection>::connect(&server.url()).await.unwrap();
                let create = format!("CREATE TABLE {table} (id INT, name VARCHAR(20))");
                raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
                server.execute(&format!("INSERT INTO {table} VALUES (1, 'one'), (2, NULL)"));
                let port = server.port();

                server.signal(Signal::Kill);
                assert!(connection.ping().await.is_err());
                assert!(<$connection>::connect(&server.url()).await.is_err());
                server.restart();
                assert_eq!(server.port(), port);
                let rows = server.ask(&format!("SELECT id, name FROM {table} ORDER BY id"));
                let text = |text: &str| Some(text.to_owned());
                assert_eq!(rows, [[text("1"), text("one")], [text("2"), None]]);
            }

            #[tokio::test]
            async fn does_not_answer_while_it_is_held() {
                let server = Server::start(&[]);
                let mut connection = <$connection>::connect(&server.url()).await.unwrap();
                server.signal(Signal::Stop);
                let mut call = std::pin::pin!(connection.ping());
                assert!(timeout(HELD, &mut call).await.is_err());
                assert!(timeout(HELD, <$connection>::connect(&server.url())).await.is_err());
                server.signal(Signal::Continue);
                timeout(PATIENCE, call).await.unwrap().unwrap();
            }

            #[test]
            fn ends_with_its_handle_whatever_state_it_is_in() {
                let server = Server::start(&[]);
                let folder = server.folder().to_owned();
                assert!(processes(&folder).is_some());
                server.signal(Signal::Stop);
                drop(server);
                assert_eq!(processes(&folder), None);
                assert!(!folder.exists());
            }

            #[test]
            fn takes_options() {
                let server = Server::start(&$limit);
                assert_eq!(server.ask($ask_limit), [[Some("50".to_owned())]]);
            }

            #[tokio::test]
            async fn has_a_certificate_of_its_authority() {
                let (server, url, pem) = Server::start_with_tls();
                assert!(<$connection>::connect(&url).await.is_err());
                let options = $trust(url.parse().unwrap(), pem.into_bytes());
                <$connection>::connect_with(&options).await.unwrap();
                <$connection>::connect(&server.url()).await.unwrap();
            }
        }
    };
}

harness!(postgres {
    connection: PgConnection,
    trust: PgConnectOptions::ssl_root_cert_from_pem,
    limit: ["-c", "max_connections=50"],
    ask_limit: "SHOW max_connections",
});
harness!(mysql {
    connection: MySqlConnection,
    trust: MySqlConnectOptions::ssl_ca_from_pem,
    limit: ["--max-connections=50"],
    ask_limit: "SELECT @@max_connections",
});

/// The processes whose command line names the folder.
fn processes(folder: &Path) -> Option<String> {
    let pattern = format!("^[^ ]*(postgres|mariadbd) .*{}", folder.display());
    let output = Command::new("pgrep").args(["-af", &pattern]).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
