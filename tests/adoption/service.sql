-- The stranger's service, made from the tables of a synthetic world, which are dropped: other names, a partitioned table,
-- uuid and text ids, a catalogue that is a view, and a reader who may SELECT these two and nothing else.
CREATE SCHEMA listening;
CREATE TABLE listening.plays (
    play_id uuid NOT NULL,
    account_id uuid NOT NULL,
    song_code text NOT NULL,
    started timestamptz NOT NULL,
    listened_ms integer NOT NULL,
    incognito boolean NOT NULL
) PARTITION BY RANGE (started);
DO $$
DECLARE week date;
BEGIN
    FOR week IN SELECT generate_series(min(streamed_at)::date - 1, max(streamed_at)::date + 7, '7 days')::date FROM streams LOOP
        EXECUTE format('CREATE TABLE listening.plays_%s PARTITION OF listening.plays FOR VALUES FROM (%L) TO (%L)',
            to_char(week, 'YYYYMMDD'), week, week + 7);
    END LOOP;
END $$;
INSERT INTO listening.plays
SELECT md5('play ' || event_id)::uuid, md5('account ' || user_id)::uuid, 'S' || lpad(track_id::text, 8, '0'), streamed_at,
    ms_played, private_session
FROM streams WHERE streamed_at < now();
CREATE INDEX ON listening.plays (started);
CREATE TABLE listening.accounts (account_id uuid PRIMARY KEY, email text NOT NULL);
INSERT INTO listening.accounts SELECT DISTINCT account_id, account_id || '@example.test' FROM listening.plays;

CREATE SCHEMA catalogue;
CREATE TABLE catalogue.recordings AS
SELECT 'S' || lpad(track_id::text, 8, '0') AS code, tracks.title, artist, artist_id, tracks.released_on, tempo
FROM tracks LEFT JOIN albums USING (album_id);
CREATE VIEW catalogue.songs AS
SELECT code AS song_code, title, artist AS artist_name, artist_id, released_on AS release_date, tempo
FROM catalogue.recordings;
DROP TABLE streams, tracks, albums, artists;

CREATE ROLE reader LOGIN PASSWORD :'password';
GRANT USAGE ON SCHEMA listening, catalogue TO reader;
GRANT SELECT ON listening.plays, catalogue.songs TO reader;
ANALYZE;
