-- Adds realms, and the details of a login besides its subject and claims. PostgreSQL adds such columns
-- without rewriting rows. Processes of the previous release continue to work, and write neither column.
-- `realm` is empty for the unnamed realm. In a named realm, `subject` is the realm, U+001F and the subject,
-- so that one index serves all realms, and `kind` begins with `realm_`.
-- `details` is a JSON object, or null if the login has none.
-- `kind` is `session`, `refresh` or `api_key`, or `nologin_session` or `nologin_refresh` if the session
-- does not represent a login.
ALTER TABLE "authcore_sessions"
    ADD COLUMN realm TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN details TEXT;

INSERT INTO "authcore_sessions__migrations" (number, applied_at)
VALUES (2, (extract(epoch FROM now()) * 1000)::BIGINT);
