-- The sessions of authcore. Times are milliseconds since 1970-01-01 UTC. The generated column `record`
-- combines the other columns of a session. authcore reads this one, as one value is faster to send than
-- eighteen. Its numbers end with the lengths, in bytes, of the texts that follow, `-` meaning null.
CREATE TABLE "authcore_sessions__migrations" (
    number BIGINT PRIMARY KEY,
    applied_at BIGINT NOT NULL
);

CREATE TABLE "authcore_sessions" (
    id BYTEA PRIMARY KEY,
    record TEXT NOT NULL GENERATED ALWAYS AS (
        version::text || ' ' || epoch::text || ' ' || kind
        || ' ' || encode(secret_digest, 'hex') || ' ' || COALESCE(encode(mac_key, 'hex'), '-')
        || ' ' || COALESCE(generation::text, '-') || ' ' || COALESCE(rotated_at::text, '-')
        || ' ' || created_at::text || ' ' || authenticated_at::text || ' ' || last_seen_at::text
        || ' ' || idle_expires_at::text || ' ' || expires_at::text
        || ' ' || COALESCE(octet_length(device_label)::text, '-')
        || ' ' || COALESCE(octet_length(device_user_agent)::text, '-')
        || ' ' || COALESCE(octet_length(device_ip)::text, '-') || ' ' || octet_length(claims)::text
        || ' ' || COALESCE(device_label, '') || COALESCE(device_user_agent, '') || COALESCE(device_ip, '')
        || claims || subject
    ) STORED,
    version BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    secret_digest BYTEA NOT NULL,
    mac_key BYTEA,
    generation BIGINT,
    rotated_at BIGINT,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    purge_at BIGINT NOT NULL,
    device_label TEXT,
    device_user_agent TEXT,
    device_ip TEXT,
    claims TEXT NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX ON "authcore_sessions" (subject);
CREATE INDEX ON "authcore_sessions" (expires_at);
CREATE INDEX ON "authcore_sessions" (purge_at);

INSERT INTO "authcore_sessions__migrations" (number, applied_at)
VALUES (1, (extract(epoch FROM now()) * 1000)::BIGINT);
