-- deskq's journal of actions, version 2. Times are epoch seconds UTC.
CREATE TABLE actions (
  id TEXT PRIMARY KEY, at REAL NOT NULL, person TEXT NOT NULL, profile TEXT NOT NULL, place TEXT NOT NULL,
  environment TEXT NOT NULL, safety TEXT NOT NULL, verb TEXT NOT NULL, title TEXT NOT NULL,
  options TEXT NOT NULL, ended REAL, undoes TEXT NOT NULL DEFAULT ''
);
CREATE INDEX actions_by_time ON actions (at);

-- number: the place in the plan. new_id: 16 bytes would do, but a journal is read by people.
-- command: literally what is sent, in words; message: the JSON of the message itself, for a person and for proof.
-- undo: the JSON of what takes it back, '' where nothing does; queue: what it changes, where it is no message.
CREATE TABLE items (
  action TEXT NOT NULL REFERENCES actions (id) ON DELETE CASCADE, number INTEGER NOT NULL,
  new_id TEXT NOT NULL, source TEXT NOT NULL, task TEXT NOT NULL, queue TEXT NOT NULL, grade TEXT NOT NULL,
  command TEXT NOT NULL, message BLOB NOT NULL, outcome TEXT NOT NULL, words TEXT NOT NULL DEFAULT '', at REAL NOT NULL,
  undo TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (action, number)
);
CREATE INDEX items_by_new_id ON items (new_id);
CREATE INDEX items_by_source ON items (source) WHERE source <> '';
CREATE INDEX items_open ON items (outcome) WHERE outcome IN ('planned', 'sending', 'unknown');
