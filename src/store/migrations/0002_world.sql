-- The world. Every index leads with the campaign (or the user), so that the tables can be split by it.

CREATE TABLE users (
    id text_key NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE campaigns (
    id text_key NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    world_time BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE members (
    campaign_id text_key NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    user_id text_key NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (campaign_id, user_id)
);
CREATE INDEX members_of_user ON members (user_id, campaign_id);

CREATE TABLE settlements (
    campaign_id text_key NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    id text_key NOT NULL,
    name TEXT NOT NULL,
    level BIGINT NOT NULL,
    population BIGINT NOT NULL,
    x DOUBLE PRECISION NOT NULL,
    y DOUBLE PRECISION NOT NULL,
    variables TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, id)
);

CREATE TABLE structures (
    campaign_id text_key NOT NULL,
    id text_key NOT NULL,
    settlement_id text_key NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    level BIGINT NOT NULL,
    completes_at BIGINT,
    finished BIGINT NOT NULL,
    variables TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, id),
    FOREIGN KEY (campaign_id, settlement_id) REFERENCES settlements (campaign_id, id) ON DELETE CASCADE
);
CREATE INDEX structures_of_settlement ON structures (campaign_id, settlement_id, id);
CREATE INDEX structures_due ON structures (campaign_id, finished, completes_at);
