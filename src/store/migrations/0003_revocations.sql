-- Users whose tokens that were issued at or before the instant no longer count.
CREATE TABLE revocations (
    user_id text_key NOT NULL PRIMARY KEY,
    not_before BIGINT NOT NULL,
    reason TEXT,
    created_at BIGINT NOT NULL
);
