-- The sessions of authcore. Times are milliseconds since 1970-01-01 UTC. The generated column `record`
-- combines the other columns of a session. authcore reads this one, as one value is faster to send than
-- eighteen. Its numbers end with the lengths, in bytes, of the texts that follow, `-` meaning null. Every
-- statement can be run again, as MySQL commits after each.
CREATE TABLE IF NOT EXISTS `authcore_sessions__migrations` (
    number BIGINT PRIMARY KEY,
    applied_at BIGINT NOT NULL
) ENGINE = InnoDB;

-- A subject is stored as bytes, as collations ignore case, accents or trailing spaces.
CREATE TABLE IF NOT EXISTS `authcore_sessions` (
    id BINARY(16) PRIMARY KEY,
    record BLOB GENERATED ALWAYS AS (CONCAT(
        CONCAT_WS(
            ' ', version, epoch, kind, HEX(secret_digest), COALESCE(HEX(mac_key), '-'),
            COALESCE(generation, '-'), COALESCE(rotated_at, '-'),
            created_at, authenticated_at, last_seen_at, idle_expires_at, expires_at,
            COALESCE(OCTET_LENGTH(device_label), '-'), COALESCE(OCTET_LENGTH(device_user_agent), '-'),
            COALESCE(OCTET_LENGTH(device_ip), '-'), OCTET_LENGTH(claims), ''
        ),
        COALESCE(device_label, ''), COALESCE(device_user_agent, ''), COALESCE(device_ip, ''), claims, subject
    )) STORED,
    version BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    subject VARBINARY(255) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    secret_digest VARBINARY(32) NOT NULL,
    mac_key VARBINARY(32),
    generation BIGINT,
    rotated_at BIGINT,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    purge_at BIGINT NOT NULL,
    device_label VARCHAR(255),
    device_user_agent VARCHAR(255),
    device_ip VARCHAR(45),
    claims TEXT NOT NULL,
    INDEX by_subject (subject),
    INDEX by_expires_at (expires_at),
    INDEX by_purge_at (purge_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO `authcore_sessions__migrations` (number, applied_at)
VALUES (1, UNIX_TIMESTAMP() * 1000);
