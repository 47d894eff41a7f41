-- The log: who has a log (rooms), what happened (events), where it was sent beside its root (event_rooms).
-- text_key is text that is compared byte by byte.

CREATE TABLE meta (
    name text_key NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The registry: every room that ever had an event, the root that orders it, and how far its log goes.
-- The log holds the room's events after floor_offset up to and including head_offset.
CREATE TABLE rooms (
    room text_key NOT NULL PRIMARY KEY,
    root text_key NOT NULL,
    head_offset BIGINT NOT NULL,
    floor_offset BIGINT NOT NULL DEFAULT 0,
    closed BIGINT NOT NULL
);
CREATE INDEX rooms_of_root ON rooms (root, room);

-- One row an event, at its place in its root. A row below its root's floor stays as long as another
-- room's log holds it.
CREATE TABLE events (
    root text_key NOT NULL,
    root_offset BIGINT NOT NULL,
    id text_key NOT NULL,
    created_at BIGINT NOT NULL,
    envelope TEXT NOT NULL,
    PRIMARY KEY (root, root_offset),
    UNIQUE (root, id)
);

-- The places of an event in the rooms inside its root. Its place in the root is in events.
CREATE TABLE event_rooms (
    root text_key NOT NULL,
    room text_key NOT NULL,
    room_offset BIGINT NOT NULL,
    root_offset BIGINT NOT NULL,
    PRIMARY KEY (root, room, room_offset)
);

-- The answers to requests that may be repeated.
CREATE TABLE requests (
    user_id text_key NOT NULL,
    request_id text_key NOT NULL,
    result TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
);
CREATE INDEX requests_by_age ON requests (created_at);
