-- Realms, and what a login states beside its subject and claims. SQLite adds such columns at once, without touching the
-- rows, and processes of the release before go on beside it: they write neither column.
-- `realm` is empty for the unnamed realm. In any other, `subject` is the realm, U+001F and the subject, so that one index
-- serves all realms, and `kind` begins with `realm_`. `details` is a JSON object, or null if the login stated nothing.
-- `kind` is `session`, `refresh` or `api_key`, or `nologin_session` or `nologin_refresh` if the session is no login.
ALTER TABLE "authcore_sessions" ADD COLUMN realm TEXT NOT NULL DEFAULT '';

ALTER TABLE "authcore_sessions" ADD COLUMN details TEXT;

INSERT INTO "authcore_sessions__migrations" (number, applied_at)
VALUES (2, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
