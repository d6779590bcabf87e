//! Code that the harnesses of SQL servers share.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, ColumnIndex, Connection, Database, Decode, Error, Executor, Row as _, raw_sql};
use tokio::time::timeout;

use crate::process::PATIENCE;

/// The rows of a result: each value in the server's notation, or `None` for `NULL`.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// The user and the database that every server has.
pub(crate) const NAME: &str = "authcore";
/// The password of every user.
pub(crate) const PASSWORD: &str = "secret";

/// Returns a table name that no other test uses on any server.
pub fn fresh_table() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs statements on the server at a URL over a new connection, and returns the rows.
pub(crate) fn ask<DB>(url: &str, sql: &str) -> Result<Rows, Error>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime can be created")
    };
    // On another thread: the test may run on a runtime, on which another one cannot be started.
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| runtime().block_on(ask_async::<DB>(url, sql)));
        answer.join().expect("the query does not panic")
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
    // Unprepared, so that all values are text and there can be several statements.
    let statements = raw_sql(AssertSqlSafe(sql));
    let rows = timeout(PATIENCE, statements.fetch_all(&mut connection)).await.map_err(late)??;
    let _ = timeout(PATIENCE, connection.close()).await;
    rows.iter().map(|row| (0..row.len()).map(|column| row.try_get_unchecked(column)).collect()).collect()
}
