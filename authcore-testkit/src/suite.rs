//! The type of a check, and the macros that turn checks into tests.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::Fixture;

/// Time after which a check counts as hung.
const TIME_LIMIT: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One check of a suite, as listed by [`store::checks`](crate::store::checks).
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: fn(Fixture) -> Running,
}

impl Check {
    /// Creates a check. Its name begins with the rule and an underscore, as in `s2_replace_never_creates`.
    pub const fn new(name: &'static str, run: fn(Fixture) -> Running) -> Self {
        Self { name, run }
    }

    /// Returns the name of the check, which is the name of its function and of its test.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the rule that is checked, such as `S2`.
    pub fn rule(&self) -> String {
        rule(self.name)
    }

    /// Runs the check. It must run on a multi-threaded tokio runtime.
    ///
    /// Panics with a message that begins with the rule if the store breaks it.
    pub async fn run(&self, fixture: Fixture) {
        (self.run)(fixture).await;
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

fn rule(name: &str) -> String {
    name.split('_').next().unwrap_or(name).to_ascii_uppercase()
}

/// Runs one check as a test, on a new runtime of four threads, with a new store and a time limit.
pub fn run<X, F, C>(name: &str, factory: impl FnOnce() -> F, check: impl FnOnce(Fixture) -> C)
where
    X: Into<Fixture>,
    F: Future<Output = X>,
    C: Future<Output = ()>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the testkit: cannot start a tokio runtime: {error}"),
    };
    let outcome = runtime.block_on(async {
        let fixture = factory().await.into();
        tokio::time::timeout(TIME_LIMIT, check(fixture)).await
    });
    assert!(
        outcome.is_ok(),
        "{}: expected the check to end within {TIME_LIMIT:?}, but the store hangs",
        rule(name)
    );
}

/// Defines a `#[test]` for every check of the store contract (rules S1 to S17, and A12 as far as it concerns
/// stores).
///
/// The factory is an async function, or a closure that returns a future. It is called once for each test and
/// returns a new, empty store that is `Clone`, or a [`Fixture`]. Each test runs on its own tokio runtime with
/// four threads. The factory runs on the same runtime, so it can open connections.
///
/// ```
/// mod memory {
///     authcore_testkit::store_contract!(|| async { authcore::MemoryStore::new() });
/// }
/// ```
///
/// If the store isolates applications from each other (by a prefix, schema or table), pass `apart`: a factory
/// of two isolated stores on one server. This adds the check of rule S12.
///
/// ```
/// # use authcore::MemoryStore;
/// mod memory {
///     # use authcore::MemoryStore;
///     authcore_testkit::store_contract!(
///         || async { MemoryStore::new() },
///         apart = || async { (MemoryStore::new(), MemoryStore::new()) },
///     );
/// }
/// ```
#[macro_export]
macro_rules! store_contract {
    ($factory:expr $(,)?) => {
        $crate::__store_checks! { __tests ($factory) }
    };
    ($factory:expr, apart = $apart:expr $(,)?) => {
        $crate::__store_checks! { __tests ($factory) }

        #[test]
        fn s12_isolated_stores_never_see_each_other() {
            $crate::__private::run(
                "s12_isolated_stores_never_see_each_other",
                || async {
                    let (one, two) = $apart().await;
                    $crate::Fixture::new(one).second_handle(two)
                },
                $crate::store::s12_isolated_stores_never_see_each_other,
            );
        }
    };
}

/// Defines a `#[test]` for every check of the session and hybrid strategies on top of a store (rules A1 to
/// A15, R1 to R12 and T17).
///
/// The factory is the same as for [`store_contract!`](crate::store_contract). A store that passes that suite
/// should pass this one too; this suite catches what that one overlooks.
///
/// ```
/// mod memory {
///     authcore_testkit::strategy_contract!(|| async { authcore::MemoryStore::new() });
/// }
/// ```
#[macro_export]
macro_rules! strategy_contract {
    ($factory:expr $(,)?) => {
        $crate::__strategy_checks! { __tests ($factory) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($factory:expr) $suite:ident $($name:ident)*) => {$(
        #[test]
        fn $name() {
            $crate::__private::run(stringify!($name), $factory, $crate::$suite::$name);
        }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (() $suite:ident $($name:ident)*) => {
        &[$($crate::Check::new(stringify!($name), |fixture| Box::pin($crate::$suite::$name(fixture)))),*]
    };
}
