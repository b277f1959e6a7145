"""A root of Alpine or AlmaLinux made of what its advisories speak of: each second package at its
fix, each other one before it. The AlmaLinux one holds a real rpm database, written by rpm.

Usage: system.py INPUTS alpine|alma8|alma9 ROOT
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

PACKAGES = 150


def alpine(inputs, root):
    blocks = []
    for part in ("main", "community"):
        path = next((inputs / "alpine").rglob(f"v3.11/{part}.yaml"))
        for number, entry in enumerate(yaml.load(path.read_text(), yaml.BaseLoader)["packages"]):
            name, fixes = entry["pkg"]["name"], list(entry["pkg"].get("secfixes") or {})
            fixes = [fix for fix in fixes if re.fullmatch(r"\d.*-r\d+", fix)]
            if not fixes or len(blocks) >= 2 * PACKAGES:
                continue
            version = fixes[number % len(fixes)]
            if number % 2 and not version.endswith("-r0"):
                version = re.sub(r"-r\d+$", "-r0", version)
            for binary in (name, f"{name}-libs"):
                blocks.append(f"C:Q1{'A' * 27}=\nP:{binary}\nV:{version}\nA:x86_64\nS:1\nI:1\nT:{name}\n"
                              f"U:https://example.org\nL:MIT\no:{name}\n\n")
    (root / "lib/apk/db").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "lib/apk/db/installed").write_text("".join(blocks))
    (root / "etc/alpine-release").write_text("3.11.6\n")
    (root / "etc/os-release").write_text('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.11.6\nPRETTY_NAME="Alpine Linux v3.11"\n')
    return len(blocks)


def chosen(inputs, release):
    """(name, epoch, version, release, module) of packages, the modular ones with their label."""
    found = {}
    for path in sorted((inputs / "alma").rglob(f"almalinux{release}/ALSA-*.json")):
        document = json.loads(path.read_text())
        stream = re.match(r"\w+: ([\w.+-]+):([\w.+-]+) ", document["summary"])
        for affected in document["affected"]:
            fixed = affected["ranges"][0]["events"][-1].get("fixed", "")
            parts = re.fullmatch(r"(?:(\d+):)?([^-:]+)-([^-]+)", fixed)
            if not parts or (".module_el" in fixed) != bool(stream):
                continue
            name = affected["package"]["name"]
            module = f"{stream[1]}:{stream[2]}:8090020231201:abcdef12" if stream else "-"
            found.setdefault((name, module), []).append((parts[1] or "0", parts[2], parts[3]))
    keys = sorted(found)
    modular = [key for key in keys if key[1] != "-"]
    plain = [key for key in keys if key[1] == "-"]
    picked = plain[:: max(1, len(plain) // PACKAGES)] + modular[:: max(1, len(modular) // 40)]
    taken = set()
    for number, key in enumerate(picked):
        if key[0] in taken:
            continue
        taken.add(key[0])
        epoch, version, text = found[key][number % len(found[key])]
        yield key[0], epoch, version, text if number % 2 else "0." + text, key[1]


def alma(inputs, root, release):
    top = pathlib.Path(tempfile.mkdtemp())
    count = 0
    for name, epoch, version, text, module in chosen(inputs, release):
        spec = (f"Name: {name}\nEpoch: {epoch}\nVersion: {version}\nRelease: {text}\nSummary: x\n"
                f"License: MIT\nVendor: AlmaLinux\n")
        spec += f"ModularityLabel: {module}\n" if module != "-" else ""
        (top / f"{count}.spec").write_text(spec + "%description\nx\n%files\n")
        count += 1
    for at in range(0, count, 25):
        specs = [str(top / f"{n}.spec") for n in range(at, min(at + 25, count))]
        subprocess.run(["rpmbuild", "-bb", "--quiet", "--target", "x86_64", "--define", f"_topdir {top}",
                        "--define", "debug_package %{nil}", "--define", "_build_id_links none", *specs],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    packages = [str(path) for path in top.rglob("*.rpm")]
    subprocess.run(["rpm", "--root", str(root.resolve()), "--dbpath", "/var/lib/rpm", "-i", "--justdb",
                    "--nodeps", "--noscripts", "--ignorearch", "--force", "--nosignature", *packages],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/os-release").write_text(f'NAME="AlmaLinux"\nID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="{release}.9"\n')
    (root / "etc/almalinux-release").write_text(f"AlmaLinux release {release}.9 (Test)\n")
    (root / "etc/redhat-release").write_text(f"AlmaLinux release {release}.9 (Test)\n")
    return len(packages)


inputs, system, root = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
made = alpine(inputs, root) if system == "alpine" else alma(inputs, root, system[-1])
print(f"{system}: {made} packages")
