"""The demo's API: a shop over Redis, with one hole on purpose.

`/report?code=HEX` runs what it is given. It stands for the remote code execution every incident
starts with, so that the attacks come from a process that belongs there. Never copy it.
"""

import json
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

DB = (os.environ["DB"], 6379)
ITEMS = {"lamp": 40, "chair": 120, "desk": 310}


class Redis:
    """One connection, kept, and made again when it breaks."""

    def __init__(self):
        self.lock = threading.Lock()
        self.file = None

    def call(self, *words):
        with self.lock:
            for last in (False, True):
                try:
                    return self._call(words)
                except OSError:
                    self.file = None
                    if last:
                        raise

    def _call(self, words):
        if self.file is None:
            self.file = socket.create_connection(DB, timeout=5).makefile("rwb")
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.file.write(b"".join(parts))
        self.file.flush()
        line = self.file.readline()
        if not line:
            raise OSError("connection closed")
        kind, rest = line[:1], line[1:].strip()
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2].decode()
        if kind == b"-":
            raise ValueError(rest.decode())
        return int(rest) if kind == b":" else rest.decode()


REDIS = Redis()


def run_report(code):
    """The hole. What the code leaves in `result` goes back to whoever sent it."""
    scope = {"result": None}
    try:
        exec(bytes.fromhex(code).decode(), scope)
        return {"ok": True, "result": scope["result"]}
    except OSError as error:
        return {"ok": False, "errno": error.errno, "error": str(error)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        try:
            if url.path == "/items":
                body = {"items": ITEMS, "sold": int(REDIS.call("GET", "sold") or 0)}
            elif url.path == "/buy" and query.get("item") in ITEMS:
                body = {"sold": REDIS.call("INCR", "sold")}
            elif url.path == "/report":
                body = run_report(query.get("code", ""))
            else:
                return self.answer(404, {"error": "not found"})
        except OSError as error:
            return self.answer(503, {"error": str(error)})
        self.answer(200, body)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    print("listening", file=sys.stderr)
    ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
