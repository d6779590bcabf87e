//! The public store and builder of each database. All of them are made by one macro.

macro_rules! session_store {
    (
        $(#[$store_docs:meta])*
        $store:ident,
        $(#[$url_docs:meta])*
        builder: $builder:ident,
        database: $database:ty,
        $(#[$pool_docs:meta])*
        pool: $pool:ty,
        plan: $plan:path
    ) => {
        $(#[$store_docs])*
        #[derive(Clone)]
        pub struct $store($crate::store::Store<$database>);

        impl $store {
            /// Connects with the default options to a database whose tables exist.
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($builder), "::connect`].")]
            pub async fn connect(url: &str) -> Result<Self, authcore::store::StoreError> {
                Self::builder(url).connect().await
            }

            /// Connects with the default options, and runs the migrations that have not been run yet.
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($builder), "::connect_and_migrate`].")]
            pub async fn connect_and_migrate(url: &str) -> Result<Self, authcore::store::StoreError> {
                Self::builder(url).connect_and_migrate().await
            }

            $(#[$url_docs])*
            pub fn builder(url: &str) -> $builder {
                $builder($crate::builder::Settings::new($crate::builder::Source::Url(url.to_owned())))
            }

            /// Returns a builder for a store on an existing pool, whose options stay as they are. The store's
            /// timeout still limits each call.
            ///
            /// The pool must be of the sqlx release that this crate uses, which is [`sqlx`](crate::sqlx).
            ///
            $(#[$pool_docs])*
            pub fn with_pool(pool: $pool) -> $builder {
                $builder($crate::builder::Settings::new($crate::builder::Source::Pool(pool)))
            }

            /// Creates the tables, or brings those of an older release to this one.
            ///
            /// Migrations that were run already are not run again. If several processes migrate at once,
            /// one of them runs the migrations and the others wait for it. A separate table lists what was
            /// run, so this does not affect the application's own migrations.
            ///
            /// # Errors
            ///
            /// - `Misconfigured` if the tables belong to a newer release or are not authcore's, or if the
            ///   user may not create tables.
            /// - `Unavailable` if the database cannot be reached, or if another migration or a long
            ///   transaction has not ended after two minutes.
            ///
            /// On PostgreSQL and SQLite, a migration that failed has changed nothing. On MySQL, the next one
            /// continues where it stopped.
            pub async fn migrate(&self) -> Result<(), authcore::store::StoreError> {
                self.0.migrate().await
            }
        }

        #[async_trait::async_trait]
        impl authcore::store::SessionStore for $store {
            async fn insert(
                &self,
                record: &authcore::store::SessionRecord,
            ) -> Result<authcore::store::InsertOutcome, authcore::store::StoreError> {
                self.0.insert(record).await
            }

            async fn load(
                &self,
                id: authcore::SessionId,
            ) -> Result<Option<authcore::store::SessionRecord>, authcore::store::StoreError> {
                self.0.load(id).await
            }

            async fn replace(
                &self,
                record: &authcore::store::SessionRecord,
                expected: authcore::store::RecordVersion,
            ) -> Result<authcore::store::ReplaceOutcome, authcore::store::StoreError> {
                self.0.replace(record, expected).await
            }

            async fn remove(&self, id: authcore::SessionId) -> Result<bool, authcore::store::StoreError> {
                self.0.remove(id).await
            }

            async fn list(
                &self,
                subject: &authcore::Subject,
            ) -> Result<Vec<authcore::store::SessionRecord>, authcore::store::StoreError> {
                self.0.list(subject).await
            }

            async fn remove_all(
                &self,
                subject: &authcore::Subject,
                keep: Option<authcore::SessionId>,
            ) -> Result<Vec<authcore::SessionId>, authcore::store::StoreError> {
                self.0.remove_all(subject, keep).await
            }

            /// Removes at most 10,000 records, even if `limit` is higher.
            async fn purge_expired(
                &self,
                now: authcore::Timestamp,
                limit: usize,
            ) -> Result<authcore::store::PurgeOutcome, authcore::store::StoreError> {
                self.0.purge_expired(now, limit).await
            }
        }

        impl std::fmt::Debug for $store {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($store))
                    .field("names", &self.0.inner().names)
                    .field("timeout", &self.0.inner().connections.timeout)
                    .finish_non_exhaustive()
            }
        }

        #[doc = concat!("Builds a [`", stringify!($store), "`].")]
        #[derive(Debug)]
        #[must_use]
        pub struct $builder($crate::builder::Settings<$database>);

        impl $builder {
            /// Sets the table's name: 1 to 40 characters of `a-z`, `0-9` and single underscores that do not
            /// begin with a digit (rule S12). The default is `authcore_sessions`. Applications that share a
            /// database use one table each.
            pub fn table(mut self, name: &str) -> Self {
                name.clone_into(&mut self.0.table);
                self
            }

            /// Sets the time that a call may take, including the wait for a connection and all attempts (rule
            /// S13). The default is 5 seconds, the maximum a day.
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.0.timeout = timeout;
                self
            }

            /// Sets the maximum number of connections. It has no effect on an existing pool, which keeps
            /// its own limit.
            pub fn max_connections(mut self, count: u32) -> Self {
                self.0.max_connections = Some(count);
                self
            }

            /// Connects to a database whose tables exist.
            ///
            /// # Errors
            ///
            /// - `Misconfigured` if the URL or an option is invalid, if the database refuses the user or is
            ///   read-only, or if the tables are missing, of another release or not authcore's. The error
            ///   says which.
            /// - `Unavailable` if the database cannot be reached.
            pub async fn connect(self) -> Result<$store, authcore::store::StoreError> {
                self.0.connect($crate::builder::Tables::Required, $plan).await.map($store)
            }

            /// Connects and runs the migrations that have not been run yet.
            ///
            /// # Errors
            ///
            /// Those of [`connect`](Self::connect) and of
            #[doc = concat!("[`", stringify!($store), "::migrate`],")]
            /// but missing tables and those of an older release are no error.
            pub async fn connect_and_migrate(self) -> Result<$store, authcore::store::StoreError> {
                let store = self.connect_unmigrated().await?;
                store.migrate().await?;
                Ok(store)
            }

            /// Connects to a database whose tables may be missing or of an older release.
            ///
            #[doc = concat!("Calls of the store fail until [`", stringify!($store), "::migrate`] was run.")]
            ///
            /// # Errors
            ///
            /// Those of [`connect`](Self::connect), but missing tables and those of an older release are no
            /// error.
            pub async fn connect_unmigrated(self) -> Result<$store, authcore::store::StoreError> {
                self.0.connect($crate::builder::Tables::Optional, $plan).await.map($store)
            }
        }
    };
}

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
