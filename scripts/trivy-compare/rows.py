"""Advisories as their publishers write them, turned into the rows of Trivy's database.

Usage: rows.py INPUT_DIR… > rows.jsonl

It shares no code with Rampart's own feeds: it is the second opinion they are compared with. An
INPUT_DIR holds alma/ go/ pypa/ (OSV), rustsec/ (Markdown with TOML), alpine/ (secdb), debian/ (DSA and DLA
lists), changelog/*.json and osv/ (OSV of any language).
"""

import json
import pathlib
import re
import sys
import tomllib

import yaml

CODENAMES = {"squeeze": "6", "wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10",
             "bullseye": "11", "bookworm": "12", "trixie": "13"}
LANGUAGES = {"npm": "npm", "PyPI": "pip", "RubyGems": "rubygems", "crates.io": "cargo", "Go": "go",
             "Maven": "maven", "Packagist": "composer", "NuGet": "nuget", "Pub": "pub",
             "Hex": "erlang", "ConanCenter": "conan"}
SEVERITY = {"low": 1, "moderate": 2, "important": 3, "critical": 4}
Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # A version such as 1.10 stays text.
seen, records = {}, {}


def emit(bucket, package, ident, value):
    """A package has one row of an id: lines of the same bucket are merged by the caller."""
    seen[(bucket, package, ident)] = value
    records.setdefault(ident, {})


def ids(document):
    cves = sorted({a for a in [*document.get("aliases", []), document["id"]] if a.startswith("CVE-")})
    return cves or [document["id"]]


def intervals(affected):
    """`>=a, <b` of each range; versions listed beside the ranges as `=v`."""
    ranges, fixed = [], []
    for entry in affected.get("ranges", []):
        if entry["type"] == "GIT":
            continue
        start = None
        for event in entry["events"]:
            if "introduced" in event:
                if start is not None:
                    ranges.append(f">={start}")
                start = event["introduced"]
            elif "fixed" in event or "last_affected" in event:
                end = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
                ranges.append(end if start in (None, "0") else f">={start}, {end}")
                fixed += [event["fixed"]] if "fixed" in event else []
                start = None
        if start is not None:
            ranges.append(f">={start}")
    listed = [f"={v}" for v in affected.get("versions", [])] if not ranges else []
    return ranges + listed, fixed


def osv(document):
    if document.get("withdrawn"):
        return
    rows = {}
    for affected in document.get("affected", []):
        package = affected["package"]
        ecosystem = LANGUAGES.get(package["ecosystem"])
        if not ecosystem:
            continue
        name = package["name"]
        if ecosystem == "pip":
            name = re.sub(r"[-_.]+", "-", name).lower()
        elif ecosystem in ("npm", "nuget"):
            name = name.lower()
        vulnerable, patched = intervals(affected)
        row = rows.setdefault((f"{ecosystem}::OSV", name), ([], []))
        row[0].extend(vulnerable)
        row[1].extend(patched)
    for (bucket, name), (vulnerable, patched) in rows.items():
        for ident in ids(document):
            before = seen.get((bucket, name, ident), {})
            emit(bucket, name, ident, {
                "VulnerableVersions": before.get("VulnerableVersions", []) + vulnerable,
                "PatchedVersions": before.get("PatchedVersions", []) + patched})


def rpm_key(version):
    """Orders epoch, version and release of the plain sort that errata hold: no `~`, no `^`."""
    epoch, _, rest = version.rpartition(":")
    return (int(epoch or 0), *[[(1, int(part)) if part.isdigit() else (0, part)
                                for part in re.findall(r"\d+|[a-zA-Z]+", half)]
                               for half in rest.split("-", 1)])


def alma(document):
    if not document["id"].startswith("ALSA-"):
        return
    title = re.match(r"(\w+): (?:([\w.+-]+:[\w.+-]+) )?", document["summary"])
    severity = SEVERITY.get(title[1].lower(), 0) if title else 0
    # Of one erratum's builds the lowest, of several errata the last one read: as Trivy imports them.
    lowest = {}
    for affected in document["affected"]:
        release = affected["package"]["ecosystem"].split(":")[1]
        for fixed in (e["fixed"] for r in affected["ranges"] for e in r["events"] if "fixed" in e):
            name = affected["package"]["name"]
            if ".module_el" in fixed and title and title[2]:
                name = f"{title[2]}::{name}"
            key = (f"alma {release}", name)
            lowest[key] = min(lowest.get(key, fixed), fixed, key=rpm_key)
    for (bucket, name), fixed in lowest.items():
        for ident in document.get("related") or document.get("aliases") or [document["id"]]:
            emit(bucket, name, ident, {"FixedVersion": fixed})
            records[ident] = {"Severity": ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"][severity],
                              "VendorSeverity": {"alma": severity}}


def rustsec(path):
    front = tomllib.loads(path.read_text().split("```toml", 1)[1].split("```", 1)[0])
    advisory = front["advisory"]
    if advisory.get("informational") or advisory.get("withdrawn"):
        return
    versions = front.get("versions", {})
    value = {"VulnerableVersions": [">=0.0.0-0"], "PatchedVersions": versions.get("patched", []),
             "UnaffectedVersions": versions.get("unaffected", [])}
    cves = [a for a in advisory.get("aliases", []) if a.startswith("CVE-")] or [advisory["id"]]
    for ident in cves:
        emit("cargo::RustSec", advisory["package"], ident, value)


def secdb(path):
    document = yaml.load(path.read_text(), Loader)
    release = document["distroversion"].removeprefix("v")
    for entry in document.get("packages") or []:
        package = entry["pkg"]
        for fixed, found in (package.get("secfixes") or {}).items():
            for text in found or []:
                for ident in re.findall(r"CVE-\d+-\d+", text):
                    key = (f"alpine {release}", package["name"], ident)
                    if key not in seen:
                        emit(*key, {"FixedVersion": fixed})


def debian_list(path):
    found = []
    for line in path.read_text().splitlines():
        if line and not line[0].isspace():
            found = [line.split()[3]]
        elif line.strip().startswith("{"):
            found = line.strip(" {}\t").split()
        elif fix := re.match(r"\s+\[(\w+)\] - (\S+) (\S+)", line):
            release = CODENAMES.get(fix[1])
            if release and not fix[3].startswith("<"):
                for ident in found:
                    # Newest first: a regression's update does not move the first fix.
                    emit(f"debian {release}", fix[2], ident, {"FixedVersion": fix[3]})


def changelog(path):
    document = json.loads(path.read_text())
    suites = [c["dist"].split("-")[0] for s in document.values() for c in s["cves"].values()]
    known = [suite for suite in suites if suite in CODENAMES]
    release = CODENAMES[max(set(known), key=known.count)]
    for source, entry in document.items():
        for ident, fix in entry["cves"].items():
            emit(f"debian {release}", source, ident, {"FixedVersion": fix["fixed"]})


def main(roots):
    files = lambda folder, pattern: sorted(p for root in roots for p in (root / folder).rglob(pattern))
    for folder in ("go", "osv"):
        for path in files(folder, "*.json"):
            osv(json.loads(path.read_text()))
    for path in files("pypa", "*.yaml"):
        osv(yaml.load(path.read_text(), Loader))
    for path in files("alma", "*.json"):
        alma(json.loads(path.read_text()))
    for path in files("rustsec", "RUSTSEC-*.md"):
        rustsec(path)
    for path in files("alpine", "*.yaml"):
        secdb(path)
    for name in ("DSA-list", "DLA-list"):
        for path in files("debian", name):
            debian_list(path)
    for path in files("changelog", "*.json"):
        changelog(path)
    out = lambda **row: print(json.dumps(row))
    for (bucket, package, ident), value in seen.items():
        out(bucket=bucket, package=package, id=ident, value=value)
    for ident, record in records.items():
        out(bucket="vulnerability", package="", id=ident,
            value={"Title": ident, "Severity": "UNKNOWN", **record})
    for bucket in {bucket for bucket, _, _ in seen}:
        out(bucket="data-source", package="", id=bucket, value={"ID": bucket, "Name": bucket, "URL": ""})


main([pathlib.Path(argument) for argument in sys.argv[1:]])
