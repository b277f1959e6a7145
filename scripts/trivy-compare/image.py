"""An archive as `docker save` writes it, a layer for each folder.

Usage: image.py OUT FOLDER[:WHERE]… [--delete PATH]… (a last layer of whiteouts)
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile


def layer(folder, where):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            name = "/".join(part for part in (where, str(path.relative_to(folder))) if part)
            if path.is_symlink() or path.is_dir() or path.is_file():
                tar.add(path, name, recursive=False)
    return out.getvalue()


def whiteouts(paths):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in paths:
            parent, _, name = path.rpartition("/")
            tar.addfile(tarfile.TarInfo(f"{parent}/.wh.{name}"))
    return out.getvalue()


def main(out, arguments):
    deleted = [b for a, b in zip(arguments, arguments[1:]) if a == "--delete"]
    folders = [a for a in arguments if not a.startswith("--") and a not in deleted]
    layers = [layer(*(a.split(":") + [""])[:2]) for a in folders if pathlib.Path(a.split(":")[0]).is_dir()]
    layers += [whiteouts(deleted)] if deleted else []
    digests = [hashlib.sha256(data).hexdigest() for data in layers]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{d}" for d in digests]},
                         "history": [{"created_by": f"layer {i}"} for i in range(len(layers))]}).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": ["compare:latest"],
                            "Layers": [f"{d}/layer.tar" for d in digests]}]).encode()
    with tarfile.open(out, "w") as tar:
        for path, data in [*((f"{d}/layer.tar", data) for d, data in zip(digests, layers)),
                           (name, config), ("manifest.json", manifest)]:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


main(sys.argv[1], sys.argv[2:])
