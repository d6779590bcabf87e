-- Adds realms, and the details of a login besides its subject and claims. MySQL copies the table, because
-- the column `subject` becomes longer: sessions can be read meanwhile, and writes wait. Processes of the
-- previous release continue to work, and write neither column.
-- `realm` is empty for the unnamed realm. In a named realm, `subject` is the realm, U+001F and the subject,
-- so that one index serves all realms, and `kind` begins with `realm_`.
-- `details` is a JSON object, or null if the login has none.
-- `kind` is `session`, `refresh` or `api_key`, or `nologin_session` or `nologin_refresh` if the session
-- does not represent a login.
-- Every statement can be run again, as MySQL commits after each: the table is altered only if it has no
-- column `realm`.
SET @authcore_alter = IF(
    (SELECT COUNT(*) FROM information_schema.columns
    WHERE column_name = 'realm' AND '`authcore_sessions`' IN (
        IF(table_schema = DATABASE(), CONCAT('`', table_name, '`'), NULL),
        CONCAT('`', table_schema, '`.`', table_name, '`')
    )) > 0,
    'DO 0',
    'ALTER TABLE `authcore_sessions`
        ADD COLUMN realm VARBINARY(64) NOT NULL DEFAULT '''',
        ADD COLUMN details TEXT,
        MODIFY COLUMN subject VARBINARY(320) NOT NULL'
);

PREPARE authcore_alter FROM @authcore_alter;

EXECUTE authcore_alter;

DEALLOCATE PREPARE authcore_alter;

INSERT IGNORE INTO `authcore_sessions__migrations` (number, applied_at)
VALUES (2, UNIX_TIMESTAMP() * 1000);
