// Writes Trivy's database (BoltDB) from lines of JSON: {"bucket", "package", "id", "value"}.
// A line without a package is the record of a vulnerability, or with bucket "data-source" a source.
//
// Usage: mkdb trivy.db < rows.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	bolt "go.etcd.io/bbolt"
)

type row struct {
	Bucket  string          `json:"bucket"`
	Package string          `json:"package"`
	ID      string          `json:"id"`
	Value   json.RawMessage `json:"value"`
}

func put(tx *bolt.Tx, r row) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(r.Bucket))
	if err != nil {
		return err
	}
	if r.Package != "" {
		if bucket, err = bucket.CreateBucketIfNotExists([]byte(r.Package)); err != nil {
			return err
		}
	}
	return bucket.Put([]byte(r.ID), r.Value)
}

func main() {
	db, err := bolt.Open(os.Args[1], 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	err = db.Update(func(tx *bolt.Tx) error {
		// Trivy reads these whether or not anything is in them.
		for _, name := range []string{"vulnerability", "data-source"} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		for lines.Scan() {
			var r row
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				return err
			}
			if err := put(tx, r); err != nil {
				return err
			}
		}
		return lines.Err()
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}
