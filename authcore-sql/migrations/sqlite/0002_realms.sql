-- Adds realms, and the details of a login besides its subject and claims. SQLite adds such columns without
-- rewriting rows, but it reads the whole table for each of them, because it checks the rows of a STRICT
-- table. Meanwhile it holds the write lock. Processes of the previous release continue to work, and write
-- neither column.
-- `realm` is empty for the unnamed realm. In a named realm, `subject` is the realm, U+001F and the subject,
-- so that one index serves all realms, and `kind` begins with `realm_`.
-- `details` is a JSON object, or null if the login has none.
-- `kind` is `session`, `refresh` or `api_key`, or `nologin_session` or `nologin_refresh` if the session
-- does not represent a login.
ALTER TABLE "authcore_sessions" ADD COLUMN realm TEXT NOT NULL DEFAULT '';

ALTER TABLE "authcore_sessions" ADD COLUMN details TEXT;

INSERT INTO "authcore_sessions__migrations" (number, applied_at)
VALUES (2, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
