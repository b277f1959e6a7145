-- Numbers about the store itself.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- revision: of the last commit. compacted: a watch may start after it at the earliest.
INSERT INTO meta VALUES ('revision', 0), ('compacted', 0);

-- Configuration. Keys are blobs, so that they are ordered by their bytes.
CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL);

-- History for watchers; a null value is a deletion.
CREATE TABLE change (seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key BLOB NOT NULL, value BLOB);
CREATE INDEX change_revision ON change (revision);

-- Texts of facets.
CREATE TABLE term (id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE);
INSERT INTO term VALUES (0, x'');

-- Events. The id is the time in ms, then the order of arrival.
CREATE TABLE record (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, json TEXT NOT NULL);

CREATE TABLE header (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  level INTEGER NOT NULL,
  name INTEGER NOT NULL,
  workload INTEGER NOT NULL,
  grp INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  -- Only where they differ from the first.
  workload2 INTEGER,
  grp2 INTEGER,
  domain2 INTEGER
);
CREATE INDEX header_kind ON header (kind, id, level, name, workload, grp, domain, workload2, grp2, domain2);
CREATE INDEX header_level ON header (level, id, kind, name, workload, grp, domain, workload2, grp2, domain2);
CREATE INDEX header_name ON header (name, id, kind, level, workload, grp, domain, workload2, grp2, domain2);
CREATE INDEX header_workload ON header (workload, id, kind, level, name, grp, domain, workload2, grp2, domain2);
CREATE INDEX header_grp ON header (grp, id, kind, level, name, workload, domain, workload2, grp2, domain2);
CREATE INDEX header_domain ON header (domain, id, kind, level, name, workload, grp, workload2, grp2, domain2);
CREATE INDEX header_workload2 ON header (workload2, id, kind, level, name, workload, grp, domain, grp2, domain2) WHERE workload2 IS NOT NULL;
CREATE INDEX header_grp2 ON header (grp2, id, kind, level, name, workload, grp, domain, workload2, domain2) WHERE grp2 IS NOT NULL;
CREATE INDEX header_domain2 ON header (domain2, id, kind, level, name, workload, grp, domain, workload2, grp2) WHERE domain2 IS NOT NULL;

-- Rows have the ids of the records. Matches are candidates: trigrams in any order.
CREATE VIRTUAL TABLE text USING fts5 (body, tags, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1');
-- Fewer, larger merges: records arrive in batches of about this many bytes of postings.
INSERT INTO text (text, rank) VALUES ('automerge', 8), ('hashsize', 8388608);
