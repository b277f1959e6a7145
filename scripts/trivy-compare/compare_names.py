"""What packages the two reports of each target name."""

import json

import compare


def all_packages(reports):
    found = set()
    for path in reports.glob("*.rampart.json"):
        found |= compare.ours(path)[0]
    for path in reports.glob("*.trivy.json"):
        found |= compare.theirs(path)[0]
    return found


def debian_sources(reports, release):
    """Source packages with their versions of the targets of this release, as Trivy sees them."""
    found = {}
    for path in reports.glob("*.trivy.json"):
        report = json.loads(path.read_text())
        system = (report.get("Metadata") or {}).get("OS") or {}
        if system.get("Family") != "debian" or system.get("Name", "").split(".")[0] != release:
            continue
        for result in report.get("Results") or []:
            for package in result.get("Packages") or []:
                if result.get("Class") == "os-pkgs" and package.get("SrcName"):
                    version = {"Epoch": package.get("SrcEpoch"), "Version": package.get("SrcVersion", ""),
                               "Release": package.get("SrcRelease", "")}
                    found[package["SrcName"]] = compare.evr(version)
    return set(found.items())
