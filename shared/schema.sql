-- The one table that every implementation serves, and the one group role that may use it.
-- Applied once to an empty database by a superuser or by a role with CREATEROLE.

CREATE TABLE post (
    id          uuid        PRIMARY KEY,
    title       text        NOT NULL,
    content     text        NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);

-- Every variant logs in as a role of its own, a member of this one, so that statements and
-- connections can be told apart. Each login role is made with `timezone = 'UTC'`, spelled exactly
-- so: a driver that compares the session's zone with its own then has no SET to send on connect.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bridgetoll_app') THEN
        CREATE ROLE bridgetoll_app NOLOGIN;
    END IF;
END
$$;

GRANT SELECT, INSERT ON post TO bridgetoll_app;
