"""Rampart's and Trivy's findings of the same targets, side by side.

Usage: compare.py REPORTS REASONS

REPORTS holds NAME.rampart.json and NAME.trivy.json of each target. REASONS is a table of tabs: what
(package; cve; fixed: the versions with the fix), whose (rampart, trivy, both), target, kind, package,
version, id, reason; the middle five are patterns (`*`). A difference that no line explains makes the exit code 1; so does a line that
explains nothing.
"""

import collections
import fnmatch
import json
import pathlib
import re
import sys

# Trivy's type of a result, as the type of a package URL.
KINDS = {"gobinary": "golang", "gomod": "golang", "jar": "maven", "pom": "maven", "gradle": "maven",
         "sbt": "maven", "node-pkg": "npm", "npm": "npm", "yarn": "npm", "pnpm": "npm", "bun": "npm",
         "python-pkg": "pypi", "pip": "pypi", "pipenv": "pypi", "poetry": "pypi", "uv": "pypi",
         "pylock": "pypi", "cargo": "cargo", "rustbinary": "cargo", "gemspec": "gem",
         "bundler": "gem", "composer": "composer", "composer-vendor": "composer",
         "dotnet-core": "nuget", "nuget": "nuget", "packages-props": "nuget", "conda-pkg": "conda",
         "conda-environment": "conda", "conan": "conan", "mix-lock": "hex", "hex": "hex",
         "pub": "pub", "swift": "swift", "julia": "julia", "cocoapods": "cocoapods"}
OS = {"debian": "deb", "ubuntu": "deb", "alpine": "apk", "alma": "rpm", "rocky": "rpm",
      "redhat": "rpm", "centos": "rpm", "oracle": "rpm", "amazon": "rpm"}


def name_of(kind, name):
    if kind == "pypi":
        return re.sub(r"[-_.]+", "-", name).lower()
    if kind == "nuget":
        return name.lower()
    return name


def version_of(kind, version):
    """A Go module's version is written with and without its `v`."""
    return version.removeprefix("v") if kind == "golang" else version


def evr(package):
    version = package.get("Version", "")
    if package.get("Release"):
        version += "-" + package["Release"]
    return f"{package['Epoch']}:{version}" if package.get("Epoch") else version


def theirs(path):
    report = json.loads(path.read_text())
    packages, cves = set(), {}
    for result in report.get("Results") or []:
        if result.get("Class") not in ("os-pkgs", "lang-pkgs"):
            continue
        kind = OS.get(result["Type"]) if result["Class"] == "os-pkgs" else KINDS.get(result["Type"])
        kind = kind or result["Type"]
        for package in result.get("Packages") or []:
            version = evr(package) if result["Class"] == "os-pkgs" else package.get("Version", "")
            key = (kind, name_of(kind, package["Name"]), version_of(kind, version))
            packages.add(key)
        for found in result.get("Vulnerabilities") or []:
            key = (kind, name_of(kind, found["PkgName"]), version_of(kind, found["InstalledVersion"]))
            cves[(*key, found["VulnerabilityID"])] = found.get("FixedVersion", "")
    return packages, cves, {}


def ours(path):
    report = json.loads(path.read_text())
    keys = [(p["kind"], name_of(p["kind"], p["name"]), version_of(p["kind"], p["version"]))
            for p in report["packages"]]
    cves, aliases = {}, {}
    for found in report["vulnerabilities"]:
        if found.get("suppressed"):
            continue
        key = keys[found["package"]]
        cves[(*key, found["id"])] = ", ".join(found["fixed_versions"])
        for alias in found["aliases"]:
            aliases[(*key, alias)] = (*key, found["id"])
    return set(keys), cves, aliases


def fixes(text):
    return {part.strip(" ><=^~") for part in text.split(",")} - {""}


class Reasons:
    def __init__(self, path):
        self.lines, self.used = [], collections.Counter()
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                cells = line.split("\t")
                if len(cells) != 8:
                    sys.exit(f"{path}: eight columns are wanted: {line}")
                self.lines.append(cells)

    def of(self, what, whose, target, kind, name, version, ident):
        cells = (what, whose, target, kind, name, version, ident)
        for line in self.lines:
            if all(fnmatch.fnmatchcase(cell, pattern) for cell, pattern in zip(cells, line)):
                self.used["\t".join(line)] += 1
                return line[7]
        return None

    def idle(self, targets):
        """Lines that explain nothing here, if a target they speak of was compared."""
        for line in self.lines:
            spoken = any(fnmatch.fnmatchcase(target, line[2]) for target in targets)
            if spoken and not self.used["\t".join(line)]:
                yield line


def compare(target, reports, reasons, table):
    our_packages, our_cves, aliases = ours(reports / f"{target}.rampart.json")
    their_packages, their_cves, _ = theirs(reports / f"{target}.trivy.json")
    # The same flaw by another of its names is the same finding.
    their_keys = {aliases.get(key, key) if key not in our_cves else key: key for key in their_cves}
    both_packages, both_cves = our_packages & their_packages, our_cves.keys() & their_keys.keys()
    differences = [("package", "rampart", *key, "") for key in our_packages - their_packages]
    differences += [("package", "trivy", *key, "") for key in their_packages - our_packages]
    # What only one found packages in is explained there.
    differences += [("cve", "rampart", *key) for key in our_cves.keys() - their_keys.keys()
                    if key[:3] in both_packages]
    differences += [("cve", "trivy", *key) for key in their_keys.keys() - our_cves.keys()
                    if key[:3] in both_packages]
    # Rampart names fixes later than what is installed, Trivy those of every branch, or of several
    # errata one: they must have one in common.
    for key in both_cves:
        left, right = fixes(our_cves[key]), fixes(their_cves[their_keys[key]])
        if left != right and not left & right:
            differences.append(("fixed", "both", *key))
    unexplained = 0
    for what, whose, kind, name, version, ident in sorted(differences):
        reason = reasons.of(what, whose, target, kind, name, version, ident)
        unexplained += reason is None
        table.append((target, what, whose, kind, name, version, ident, reason or "UNEXPLAINED"))
    count = lambda left, right: (len(left & right), len(left - right), len(right - left))
    return (target, *count(our_packages, their_packages),
            *count(our_cves.keys(), their_keys.keys()), len(differences), unexplained)


def show(rows, heads):
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def main(reports, reasons):
    targets = sorted(p.name.removesuffix(".rampart.json") for p in reports.glob("*.rampart.json"))
    if not targets:
        sys.exit("no reports to compare")
    table = []
    sums = [compare(target, reports, reasons, table) for target in targets]
    total = ("all", *(sum(row[i] for row in sums) for i in range(1, 9)))
    grouped = collections.Counter((t, what, whose, kind, reason) for t, what, whose, kind, *_, reason in table)
    print("Differences, by reason:")
    show([(*key[:4], n, key[4]) for key, n in sorted(grouped.items())],
         ("TARGET", "WHAT", "ONLY", "KIND", "N", "REASON"))
    lost = [row for row in table if row[7] == "UNEXPLAINED"]
    if lost:
        print("\nWithout a reason:")
        show([row[:7] for row in lost[:200]],
             ("TARGET", "WHAT", "ONLY", "KIND", "PACKAGE", "VERSION", "ID"))
    idle = list(reasons.idle(targets))
    for line in idle:
        print("\nA reason that explains nothing:", "\t".join(line))
    (reports / "differences.tsv").write_text("".join("\t".join(row) + "\n" for row in table))
    print("\n(packages: both, Rampart only, Trivy only; findings: the same)")
    show([*sums, total], ("TARGET", "PACKAGES", "R", "T", "CVES", "R", "T", "DIFFERENCES", "UNEXPLAINED"))
    return 1 if lost or idle else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), Reasons(pathlib.Path(sys.argv[2]))))
