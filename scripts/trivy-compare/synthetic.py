"""Made-up advisories for every package that either scanner saw: five questions for each.

Usage: synthetic.py REPORTS OUT

REPORTS holds the two reports of each target made without advisories; OUT gets osv/*.json and
changelog/*.json. The real feeds that can be had offline name few of the packages of a test's
images; these have the edges of an interval lie exactly at what is installed.
"""

import json
import pathlib
import re
import sys

import compare_names as names

ECOSYSTEMS = {"npm": "npm", "pypi": "PyPI", "gem": "RubyGems", "cargo": "crates.io", "golang": "Go",
              "maven": "Maven", "composer": "Packagist", "nuget": "NuGet", "pub": "Pub", "hex": "Hex",
              "conan": "ConanCenter"}


def later(version):
    """The same with its first number one higher: later in every order there is."""
    return re.sub(r"\d+", lambda m: str(int(m[0]) + 1), version, count=1)


def questions(version):
    up = later(version)
    return [  # events, whether the installed version is in
        [{"introduced": "0"}, {"fixed": up}],
        [{"introduced": "0"}, {"fixed": version}],
        [{"introduced": "0"}, {"last_affected": version}],
        [{"introduced": version}, {"fixed": up}],
        [{"introduced": up}],
    ]


def main(reports, out):
    (out / "osv").mkdir(parents=True, exist_ok=True)
    (out / "changelog").mkdir(parents=True, exist_ok=True)
    languages = sorted({key for key in names.all_packages(reports) if key[0] in ECOSYSTEMS and key[2]})
    for number, (kind, name, version) in enumerate(languages):
        if not re.search(r"\d", version):
            continue
        for question, events in enumerate(questions(version)):
            ident = f"CVE-{2100 + question}-{10000 + number}"
            document = {"schema_version": "1.6.0", "id": ident, "modified": "2026-01-01T00:00:00Z",
                        "published": "2026-01-01T00:00:00Z", "summary": "made up",
                        "affected": [{"package": {"ecosystem": ECOSYSTEMS[kind], "name": name},
                                      "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}
            (out / "osv" / f"{ident}.json").write_text(json.dumps(document))
    for suite, release in (("bullseye", "11"), ("bookworm", "12")):
        cves = {}
        for number, (source, version) in enumerate(sorted(names.debian_sources(reports, release))):
            cves[source] = {"cves": {
                f"CVE-2106-{10000 + number}": {"fixed": version + "+1", "dist": f"{suite}-security"},
                f"CVE-2107-{10000 + number}": {"fixed": version, "dist": f"{suite}-security"}}}
        if cves:
            (out / "changelog" / f"synthetic-{suite}.json").write_text(json.dumps(cves))


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
