"""What `cargo auditable` writes into a program, made of a lock file: auditable.py Cargo.lock OUT."""

import json
import sys
import tomllib
import zlib

packages = tomllib.load(open(sys.argv[1], "rb"))["package"]
listed = [{"name": p["name"], "version": p["version"],
           "source": "crates.io" if "source" in p else "local", **({} if "source" in p else {"root": True})}
          for p in packages]
open(sys.argv[2], "wb").write(zlib.compress(json.dumps({"packages": listed}).encode()))
