//! What the harnesses of SQL servers share.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, ColumnIndex, Connection, Database, Decode, Error, Executor, Row as _, raw_sql};
use tokio::time::timeout;

use crate::process::PATIENCE;

/// The rows of an answer: each value as the server writes it, or `None` for `NULL`.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// The user, the password and the database that a server is made with.
pub(crate) const NAME: &str = "authcore";
/// The password of every user there.
pub(crate) const PASSWORD: &str = "secret";

/// A name of a table that no other test uses, on whichever server.
pub fn fresh_table() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What the server at this address answers to some statements, over a connection of its own.
pub(crate) fn ask<DB>(url: &str, sql: &str) -> Result<Rows, Error>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be made");
    // On a thread of its own, for the test that asks may be a task of a runtime, which must not wait for
    // another.
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| runtime().block_on(ask_async::<DB>(url, sql)));
        answer.join().expect("asking does not panic")
    })
}

async fn ask_async<DB>(url: &str, sql: &str) -> Result<Rows, Error>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let late = |_| Error::Io(io::ErrorKind::TimedOut.into());
    let mut connection = timeout(PATIENCE, DB::Connection::connect(url)).await.map_err(late)??;
    // Not prepared: so values come as text, of whatever type they are, and there may be several statements.
    let statements = raw_sql(AssertSqlSafe(sql));
    let rows = timeout(PATIENCE, statements.fetch_all(&mut connection)).await.map_err(late)??;
    let _ = timeout(PATIENCE, connection.close()).await;
    rows.iter().map(|row| (0..row.len()).map(|column| row.try_get_unchecked(column)).collect()).collect()
}
