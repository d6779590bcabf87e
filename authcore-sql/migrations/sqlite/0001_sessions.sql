-- The sessions of authcore. Times are milliseconds since 1970-01-01 UTC. The generated column `record`
-- combines the other columns of a session. authcore reads this one, as one value is faster to send than
-- eighteen. Its numbers end with the lengths, in bytes, of the texts that follow, `-` meaning null.
CREATE TABLE "authcore_sessions__migrations" (
    number INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE "authcore_sessions" (
    id BLOB PRIMARY KEY NOT NULL,
    record TEXT NOT NULL GENERATED ALWAYS AS (
        version || ' ' || epoch || ' ' || kind
        || ' ' || hex(secret_digest) || ' ' || IIF(mac_key IS NULL, '-', hex(mac_key))
        || ' ' || COALESCE(generation, '-') || ' ' || COALESCE(rotated_at, '-')
        || ' ' || created_at || ' ' || authenticated_at || ' ' || last_seen_at
        || ' ' || idle_expires_at || ' ' || expires_at
        || ' ' || COALESCE(length(CAST(device_label AS BLOB)), '-')
        || ' ' || COALESCE(length(CAST(device_user_agent AS BLOB)), '-')
        || ' ' || COALESCE(length(CAST(device_ip AS BLOB)), '-') || ' ' || length(CAST(claims AS BLOB))
        || ' ' || COALESCE(device_label, '') || COALESCE(device_user_agent, '') || COALESCE(device_ip, '')
        || claims || subject
    ) STORED,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    secret_digest BLOB NOT NULL,
    mac_key BLOB,
    generation INTEGER,
    rotated_at INTEGER,
    created_at INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    purge_at INTEGER NOT NULL,
    device_label TEXT,
    device_user_agent TEXT,
    device_ip TEXT,
    claims TEXT NOT NULL
) STRICT;

CREATE INDEX "authcore_sessions__by_subject" ON "authcore_sessions" (subject);
CREATE INDEX "authcore_sessions__by_expires_at" ON "authcore_sessions" (expires_at);
CREATE INDEX "authcore_sessions__by_purge_at" ON "authcore_sessions" (purge_at);

INSERT INTO "authcore_sessions__migrations" (number, applied_at)
VALUES (1, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
