-- The rows that stand in the table before every trial: `rows` of them, the same on every machine.
-- %(rows)s is bound by the harness. Title and content have 10 and 100 characters, as in the
-- published experiment. Ids carry the version and variant bits of a uuid4. Timestamps have
-- microseconds that are not whole milliseconds, so that an encoder that truncates them is noticed.
-- The rows are inserted in the order of their ids, which keeps the index dense and the load fast.

INSERT INTO post (id, title, content, created_at, updated_at)
SELECT overlay(overlay(digest PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid AS id,
       left(digest, 10),
       left(repeat(digest, 4), 100),
       made,
       made
FROM (
    SELECT md5(i::text) AS digest,
           timestamptz '2022-01-01 00:00:00.000001+00' + i * interval '1.000003 seconds' AS made
    FROM generate_series(1, %(rows)s) AS i
) AS source
ORDER BY id;
