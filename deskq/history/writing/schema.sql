-- deskq's history, version 3. Times are epoch seconds UTC. Columns that end in _id refer to texts.id.
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

-- id grows in the order in which tasks were first seen: paging and time spans rest on it.
-- uuid, root and parent: 16 bytes of a UUID, or the id as text where it is none. root is NULL where it is the task itself.
-- observations: msgpack of what cannot be read back from the columns (deskq/history/codec.py).
-- counted: what rates and runtimes have of it, where state, received, finished and runtime do not tell (tallies.py).
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  uuid NOT NULL UNIQUE,
  state_id INTEGER NOT NULL,
  name_id INTEGER, queue_id INTEGER, worker_id INTEGER,
  seen REAL NOT NULL, sent REAL, received REAL, started REAL, finished REAL, runtime REAL, eta REAL, expires REAL,
  retries INTEGER NOT NULL, deliveries INTEGER NOT NULL, flags INTEGER NOT NULL,
  exchange_id INTEGER, routing_key_id INTEGER,
  root, parent,
  args TEXT, kwargs TEXT, result TEXT, exception TEXT, revoked TEXT,
  observations BLOB NOT NULL,
  counted BLOB
);
CREATE INDEX tasks_by_state ON tasks (state_id);
CREATE INDEX tasks_by_name ON tasks (name_id);
CREATE INDEX tasks_by_runtime ON tasks (runtime) WHERE runtime IS NOT NULL;
CREATE INDEX tasks_by_root ON tasks (root) WHERE root IS NOT NULL;
CREATE INDEX tasks_by_parent ON tasks (parent) WHERE parent IS NOT NULL;

CREATE TABLE state_counts (state_id INTEGER PRIMARY KEY, n INTEGER NOT NULL);

-- Counts in spans of 10 s, by the time that the event carries.
CREATE TABLE rates (
  at INTEGER PRIMARY KEY,
  received INTEGER NOT NULL, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, retried INTEGER NOT NULL
);

-- Runtimes every 10 s, in logarithmic bins 2 % wide: mergeable, 1 % error (deskq/history/runtimes.py).
CREATE TABLE runtimes (
  at INTEGER NOT NULL, bin INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (at, bin)
) WITHOUT ROWID;

-- The same by task and hour: what was slow when, for as long as the history goes back.
CREATE TABLE task_runtimes (
  at INTEGER NOT NULL, name_id INTEGER NOT NULL, bin INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (at, name_id, bin)
) WITHOUT ROWID;

-- The latest of each worker and queue, as JSON of deskq.history.rows.
CREATE TABLE workers (hostname TEXT PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE queues (name TEXT PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID;

-- Depths: written when one changes, or after a minute. queue_id 0 is the sum of all queues.
CREATE TABLE queue_samples (
  queue_id INTEGER NOT NULL, at REAL NOT NULL, ready INTEGER, unacked INTEGER, consumers INTEGER,
  PRIMARY KEY (queue_id, at)
) WITHOUT ROWID;

CREATE TABLE gaps (
  id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL, cause TEXT NOT NULL, estimate INTEGER
);

-- The newest deliveries that were no events; raw holds at most their first 4,096 bytes.
CREATE TABLE malformed (id INTEGER PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL, size INTEGER NOT NULL, raw BLOB);

-- What the recorder last said of itself (one row), and facts about the file.
CREATE TABLE status (id INTEGER PRIMARY KEY CHECK (id = 1), row BLOB NOT NULL);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
