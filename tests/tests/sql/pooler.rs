//! PostgreSQL behind PgBouncer, which gives each transaction another session of the server (rule S18).

use std::sync::OnceLock;
use std::time::Instant;

use authcore::store::{SessionStore, StoreError, StoreErrorKind};
use authcore::{Auth, Error, Login, ServerSessions};
use authcore_sql::{PostgresStore, PostgresStoreBuilder};
use authcore_testkit::Fixture;
use authcore_tests::pgbouncer::Pooler;
use authcore_tests::{fresh_table, postgres};
use futures_util::future::{join_all, try_join_all};

use super::{PATIENCE, refuses};

/// Fewer sessions of the server than the stores open connections to the pooler.
const FEW: &str = "default_pool_size = 3";
const MANY_CLIENTS: &str = "max_client_conn = 1000";
/// A common setting for drivers that always send the parameter: the pooler ignores it instead of refusing it.
const IGNORING: &str = "ignore_startup_parameters = extra_float_digits";
/// Resets the session after each transaction.
const RESETTING: &str = "server_reset_query_always = 1";

fn server() -> &'static postgres::Server {
    static SERVER: OnceLock<postgres::Server> = OnceLock::new();
    SERVER.get_or_init(|| postgres::Server::start(&[]))
}

/// Returns the builder of a store with the option.
fn builder(pooler: &Pooler, table: &str) -> PostgresStoreBuilder {
    PostgresStore::builder(&pooler.url()).table(table).timeout(PATIENCE).transaction_pooler()
}

async fn store(pooler: &Pooler, table: &str) -> PostgresStore {
    builder(pooler, table).connect_and_migrate().await.unwrap()
}

mod contract {
    use super::*;

    fn pooler() -> &'static Pooler {
        static POOLER: OnceLock<Pooler> = OnceLock::new();
        POOLER.get_or_init(|| Pooler::start(server(), &[FEW, MANY_CLIENTS]))
    }

    async fn factory() -> Fixture {
        let table = fresh_table();
        Fixture::new(store(pooler(), &table).await).second_handle(store(pooler(), &table).await)
    }

    mod store_contract {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart =
                || async { (store(pooler(), &fresh_table()).await, store(pooler(), &fresh_table()).await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}

/// Calls everything that a user does, and checks each result: another client's statement would return
/// another one.
async fn use_sessions(auth: &Auth, subject: &str) {
    let issued = auth.login(Login::new(subject.to_owned()).unwrap()).await.unwrap();
    let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
    assert_eq!(principal.subject(), subject);
    assert_eq!(principal.session_id(), issued.principal().session_id());
    let devices = auth.sessions_of(&principal).await.unwrap();
    let ids: Vec<_> = devices.iter().map(|device| Some(device.id)).collect();
    assert_eq!(ids, [principal.session_id()], "the sessions of {subject}");
    let renewed = auth.renew(&principal).await.unwrap();
    let old = auth.authenticate(issued.credential().expose()).await;
    assert!(matches!(old, Err(Error::Unauthenticated(_))), "{subject}: {old:?}");
    assert_eq!(auth.authenticate(renewed.credential().expose()).await.unwrap().subject(), subject);
    let ended = auth.logout(renewed.credential().expose()).await.unwrap();
    assert_eq!(ended.sessions, ids.into_iter().flatten().collect::<Vec<_>>(), "the logout of {subject}");
    assert!(auth.admin().revoke_all(&subject.parse().unwrap()).await.unwrap().sessions.is_empty());
}

async fn results_belong_to_their_statements(settings: &[&str]) {
    let pooler = Pooler::start(server(), &[&[FEW, MANY_CLIENTS], settings].concat());
    let table = fresh_table();
    // Each has a pool of ten connections: thirty connections for three sessions of the server.
    let stores = join_all((0..3).map(|_| store(&pooler, &table))).await;
    let auths =
        stores.into_iter().map(|store| Auth::with_sessions(ServerSessions::builder(store).build().unwrap()));
    let auths: Vec<_> = auths.collect();
    let tasks = (0..30).map(|task| {
        let auth = auths[task % auths.len()].clone();
        tokio::spawn(async move {
            for turn in 0..16 {
                use_sessions(&auth, &format!("user-{task}-{turn}")).await;
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    let rows = server().ask(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(rows[0][0].as_deref(), Some("0"), "all of them were logged out");
    let pooled = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'authcore' AND query LIKE '%";
    let sessions = server().ask(&format!("{pooled}{table}%'"))[0][0].as_deref().unwrap().parse::<u32>();
    assert!(sessions.unwrap() <= 3, "the pooler was not in between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_calls_through_a_transaction_pooler_have_the_results_of_their_own_statements() {
    results_belong_to_their_statements(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_a_pooler_that_resets_each_session_changes_no_result() {
    results_belong_to_their_statements(&[RESETTING]).await;
}

/// A pool of the host needs only the driver's option for poolers.
#[tokio::test]
async fn s18_a_pool_of_the_host_works_through_a_transaction_pooler() {
    let pooler = Pooler::start(server(), &[FEW, RESETTING]);
    let options = pooler.url().parse::<sqlx::postgres::PgConnectOptions>().unwrap().extra_float_digits(None);
    let pool = sqlx::PgPool::connect_with(options).await.unwrap();
    let builder = PostgresStore::with_pool(pool).table(&fresh_table()).timeout(PATIENCE);
    let store = builder.transaction_pooler().connect_and_migrate().await.unwrap();
    let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
    join_all((0..20).map(|task| {
        let auth = &auth;
        async move { use_sessions(auth, &format!("user-{task}")).await }
    }))
    .await;
}

/// Each process waits for the migration lock in its own session of the server.
#[tokio::test]
async fn s18_many_processes_migrate_through_a_transaction_pooler() {
    let pooler = Pooler::start(server(), &[FEW, RESETTING, MANY_CLIENTS]);
    let table = fresh_table();
    let stores = try_join_all((0..8).map(|_| builder(&pooler, &table).connect_unmigrated())).await.unwrap();
    try_join_all(stores.iter().map(PostgresStore::migrate)).await.unwrap();
    let runs = server().ask(&format!("SELECT number FROM {table}__migrations"));
    // Each migration once.
    assert_eq!(runs.len(), 2, "{runs:?}");
    let outcome = builder(&pooler, "no_such_table").connect().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "run `migrate`");
}

/// Returns the first failure of calls by two stores, which have prepared their statements in different
/// orders.
async fn first_failure(pooler: &Pooler, table: &str) -> StoreError {
    let connect = || PostgresStore::builder(&pooler.url()).table(table).timeout(PATIENCE).connect();
    let (one, two) = match (connect().await, connect().await) {
        (Ok(one), Ok(two)) => (one, two),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let subject = "ada".parse().unwrap();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "the pooler lost no statement: nothing failed");
        let calls = (0..10).map(|number| {
            let (store, subject) = (if number % 2 == 0 { &one } else { &two }, &subject);
            async move { store.list(subject).await }
        });
        if let Err(error) = try_join_all(calls).await {
            return error;
        }
    }
}

#[tokio::test]
async fn s18_without_the_option_the_pooler_is_named() {
    let table = fresh_table();
    drop(store(&Pooler::start(server(), &[]), &table).await);
    let says = "transaction_pooler()";
    let strict = Pooler::start(server(), &[FEW]);
    let outcome = PostgresStore::builder(&strict.url()).table(&table).connect().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "startup parameter");
    for settings in [&[FEW, IGNORING][..], &[FEW, IGNORING, RESETTING], &["default_pool_size = 1", IGNORING]]
    {
        let pooler = Pooler::start(server(), settings);
        refuses(Err::<(), _>(first_failure(&pooler, &table).await), StoreErrorKind::Misconfigured, says);
    }
}

/// A pooler in session mode changes nothing, so no error asks for the option.
#[tokio::test]
async fn s18_a_pooler_in_session_mode_needs_no_option() {
    let pooler = Pooler::start(server(), &["pool_mode = session", "default_pool_size = 20", IGNORING]);
    let store = PostgresStore::builder(&pooler.url()).table(&fresh_table()).timeout(PATIENCE);
    let store = store.connect_and_migrate().await.unwrap();
    let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
    join_all((0..20).map(|task| {
        let auth = &auth;
        async move { use_sessions(auth, &format!("user-{task}")).await }
    }))
    .await;
}

/// The error names the pool's option, and not the store's: it is set already, or does not help.
#[tokio::test]
async fn s18_a_host_whose_pool_sends_a_refused_parameter_is_told_the_pools_option() {
    let pooler = Pooler::start(server(), &[FEW]);
    for has_option in [true, false] {
        let pool = sqlx::PgPool::connect_lazy(&pooler.url()).unwrap();
        let builder = PostgresStore::with_pool(pool).timeout(PATIENCE);
        let builder = if has_option { builder.transaction_pooler() } else { builder };
        let error = builder.connect_unmigrated().await.unwrap_err();
        assert!(!error.to_string().contains("transaction_pooler"), "{error}");
        let says = "PgConnectOptions::extra_float_digits(None)";
        refuses(Err::<(), _>(error), StoreErrorKind::Misconfigured, says);
    }
}

#[tokio::test]
async fn s18_what_the_pooler_forbids_is_named() {
    let pooler = Pooler::start(server(), &[]);
    let refused = async |url: &str, says: &str| {
        let outcome =
            PostgresStore::builder(url).timeout(PATIENCE).transaction_pooler().connect_unmigrated().await;
        refuses(outcome, StoreErrorKind::Misconfigured, says);
    };
    refused(&format!("{}?options[search_path]=a", pooler.url()), "remove `options` from the URL").await;
    refused(&format!("{}?statement-cache-capacity=0", pooler.url()), "no effect").await;
    refused(&pooler.url_of("authcore", "secret2", "authcore"), "user or password").await;
    refused(&pooler.url_of("nobody", "secret", "authcore"), "user or password").await;
    refused(&pooler.url_of("authcore", "secret", "nothing"), "no database").await;
    let by_statement = Pooler::start(server(), &["pool_mode = statement"]);
    refused(&by_statement.url(), "statement mode").await;
}
