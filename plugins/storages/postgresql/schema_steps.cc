// The schema's text, version by version.
// Not for running it: see schema.cc.
#include <array>

#include "schema.h"

namespace tally::postgresql {

namespace {

// Texts that repeat are kept once; each is found by a digest, since an index cannot hold a long text. A series is one
// meter of one resource. `last`: the end of the latest partition that names the row, so that what nothing names any
// more is found without a look at the samples. `batch` grows in the order in which batches begin; `overtaken` has those
// that committed after a later one, with the number that they got then. An id's bytes are written by id_bytes() in
// binary.cc. A sample's index by series is small: equal keys are kept once a page.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE tally_schema (version int NOT NULL, compatible_from int NOT NULL);

CREATE TABLE state (single bool PRIMARY KEY DEFAULT true CHECK (single), last_number bigint NOT NULL DEFAULT 0,
  generation bigint NOT NULL DEFAULT 0, partition_width interval NOT NULL) WITH (fillfactor=10);
CREATE SEQUENCE batch_number AS bigint;
CREATE TABLE overtaken (key bigint PRIMARY KEY, number bigint NOT NULL);

CREATE TABLE meter (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL,
  type smallint NOT NULL, unit text COLLATE "C" NOT NULL, digest uuid NOT NULL UNIQUE);
CREATE TABLE resource (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, resource_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C", project_name text COLLATE "C", user_id text COLLATE "C", user_name text COLLATE "C",
  source text COLLATE "C" NOT NULL, digest uuid NOT NULL UNIQUE);
CREATE INDEX resource_by_id ON resource (left(resource_id, 200));
CREATE INDEX resource_by_project ON resource (left(project_id, 200));
CREATE TABLE series (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, meter bigint NOT NULL, resource bigint NOT NULL,
  last timestamptz NOT NULL, UNIQUE (meter, resource)) WITH (fillfactor=90);
CREATE INDEX series_by_resource ON series (resource);
CREATE TABLE metadata (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest uuid NOT NULL UNIQUE,
  last timestamptz NOT NULL, text text COLLATE "C" NOT NULL) WITH (fillfactor=90);

CREATE TABLE sample (timestamp timestamptz NOT NULL, series bigint NOT NULL, metadata bigint, batch bigint NOT NULL,
  received timestamptz NOT NULL, monotonic double precision, id bytea NOT NULL, volume numeric NOT NULL,
  UNIQUE (id, timestamp)) PARTITION BY RANGE (timestamp);
CREATE INDEX sample_by_series ON sample (series);
CREATE TABLE partition (name text PRIMARY KEY, starts timestamptz NOT NULL, ends timestamptz NOT NULL);

CREATE TABLE dead_letter (digest text COLLATE "C" PRIMARY KEY, kind text NOT NULL, reason text NOT NULL,
  detail text NOT NULL, bus text NOT NULL, event_type text, message_id text, handler text, body bytea NOT NULL,
  received timestamptz NOT NULL);
CREATE INDEX dead_letter_by_time ON dead_letter (received);
CREATE TABLE book (bus text COLLATE "C" NOT NULL, day bigint NOT NULL, unit text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL, count bigint NOT NULL, PRIMARY KEY (bus, day, unit, outcome))
  WITH (fillfactor=50);
CREATE TABLE writer (id text PRIMARY KEY, sequence bigint NOT NULL, used timestamptz NOT NULL, rows bigint NOT NULL,
  statuses bytea NOT NULL) WITH (fillfactor=50);

CREATE FUNCTION id_text(id bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (CASE
  WHEN length(id) = 16 THEN encode(id, 'hex')
  WHEN get_byte(id, 0) = 1 THEN encode(substr(id, 2), 'hex')::uuid::text
  WHEN get_byte(id, length(id) - 1) = 0 THEN convert_from(substr(id, 2, length(id) - 2), 'UTF8')
  ELSE convert_from(substr(id, 2), 'UTF8') END) COLLATE "C";

-- The value at a key as it is, or else as a path; null for null, for what is not there, and for what is not JSON.
-- Objects and lists lose the space between their tokens.
CREATE FUNCTION metadata_value(document text, whole text, path text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  value json := document::json -> whole;
  step text;
BEGIN
  IF value IS NULL OR json_typeof(value) = 'null' THEN
    value := document::json;
    FOREACH step IN ARRAY path LOOP value := value -> step; END LOOP;
  END IF;
  IF json_typeof(value) = 'string' THEN RETURN json_build_array(value) ->> 0; END IF;
  IF json_typeof(value) = 'null' THEN RETURN NULL; END IF;
  RETURN regexp_replace(value::text, '("(?:[^"\\]|\\.)*")|[ \t\n\r]+', '\1', 'g');
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $$;

-- A batch's number, given last: in the order of commits. Whoever has it holds up the others until the commit.
CREATE FUNCTION number_batch(key bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
BEGIN
  SELECT CASE WHEN key > last_number THEN key END INTO number FROM state FOR UPDATE;
  IF number IS NULL THEN
    number := nextval('batch_number');
    INSERT INTO overtaken VALUES (key, number);
  END IF;
  UPDATE state SET last_number = number;
END $$;

-- The functions below run with their owner's rights: a collector's role needs none to change tables.

-- Partitions for these times, made where they are not there; what is far from today shares one.
CREATE FUNCTION make_partitions(times timestamptz[]) RETURNS TABLE (starts timestamptz, ends timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  base CONSTANT timestamptz := '2000-01-03';
  width interval := (SELECT partition_width FROM state);
  top CONSTANT timestamptz := date_bin(width, '2200-01-01', base);
  made record;
BEGIN
  PERFORM pg_advisory_xact_lock(1413573754, hashtext(current_schema()));
  FOR made IN SELECT DISTINCT
      CASE WHEN t < base THEN '-infinity' WHEN t >= top THEN top ELSE date_bin(width, t, base) END AS starts,
      CASE WHEN t < base THEN base WHEN t >= top THEN 'infinity' ELSE date_bin(width, t, base) + width END AS ends,
      'sample_' || CASE WHEN t < base THEN 'before' WHEN t >= top THEN 'after'
                   ELSE to_char(date_bin(width, t, base), 'YYYYMMDD') END AS name
      FROM unnest(times) t ORDER BY 1 LOOP
    IF NOT EXISTS (SELECT FROM partition p WHERE p.name = made.name) THEN
      EXECUTE format('CREATE TABLE %I (LIKE sample INCLUDING ALL)', made.name);
      -- Unlike CREATE … PARTITION OF, this waits for no writer and no reader, and none waits for it.
      EXECUTE format('ALTER TABLE sample ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', made.name,
                     CASE WHEN isfinite(made.starts) THEN quote_literal(made.starts) ELSE 'MINVALUE' END,
                     CASE WHEN isfinite(made.ends) THEN quote_literal(made.ends) ELSE 'MAXVALUE' END);
      INSERT INTO partition (name, starts, ends) VALUES (made.name, made.starts, made.ends);
    END IF;
    starts := made.starts;
    ends := made.ends;
    RETURN NEXT;
  END LOOP;
END $$;

-- Takes a partition out of the samples, to be dropped by drop_expired(). With `if_empty` one that has rows stays.
CREATE FUNCTION expire_partition(name text, if_empty bool) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '3s' AS $$
DECLARE
  found_any bool;
BEGIN
  PERFORM pg_advisory_xact_lock(1413573754, hashtext(current_schema()));
  IF NOT EXISTS (SELECT FROM partition p WHERE p.name = $1) THEN RETURN false; END IF;
  LOCK TABLE sample IN ACCESS EXCLUSIVE MODE;
  IF if_empty THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', $1) INTO found_any;
    IF found_any THEN RETURN false; END IF;
  END IF;
  EXECUTE format('ALTER TABLE sample DETACH PARTITION %I', $1);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', $1, 'expired_' || (quote_ident($1)::regclass)::oid);
  DELETE FROM partition p WHERE p.name = $1;
  RETURN true;
END $$;

-- How many samples were in what expire_partition() took out.
CREATE FUNCTION drop_expired() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  expired name;
  removed bigint := 0;
  rows bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(1413573754, hashtext(current_schema()));
  FOR expired IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname ~ '^expired_[0-9]+$' LOOP
    EXECUTE format('SELECT count(*) FROM %I', expired) INTO rows;
    EXECUTE format('DROP TABLE %I', expired);
    removed := removed + rows;
  END LOOP;
  RETURN removed;
END $$;

REVOKE ALL ON FUNCTION make_partitions(timestamptz[]), expire_partition(text, bool), drop_expired() FROM PUBLIC;
)sql";

// Small texts by (kind, key); the first names this store. Who knows version 1 goes on without them.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE record (kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, version bigint NOT NULL,
  value text COLLATE "C" NOT NULL, PRIMARY KEY (kind, key));
INSERT INTO record VALUES ('store', 'id', 1, replace(gen_random_uuid()::text, '-', ''));
)sql";

constexpr std::array kSteps = {Step{kVersion1, 1}, Step{kVersion2, 1}};

}  // namespace

const char* const kGrants = R"sql(
GRANT USAGE ON SCHEMA $SCHEMA TO $ROLE;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $SCHEMA TO $ROLE;
REVOKE INSERT, UPDATE, DELETE ON $SCHEMA.tally_schema, $SCHEMA.partition FROM $ROLE;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA $SCHEMA TO $ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA $SCHEMA TO $ROLE;
)sql";

Steps schema_steps() { return kSteps; }

}  // namespace tally::postgresql
