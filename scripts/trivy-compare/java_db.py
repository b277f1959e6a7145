"""Trivy's index of jars by their SHA-1, with nothing in it: Trivy only starts when it is there.

Usage: java_db.py OUT
"""

import pathlib
import sqlite3
import sys

path = pathlib.Path(sys.argv[1])
path.unlink(missing_ok=True)
db = sqlite3.connect(path)
db.executescript(
    "CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);"
    "CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,"
    " FOREIGN KEY (artifact_id) REFERENCES artifacts(id));"
    "CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);"
    "CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);"
)
db.commit()
