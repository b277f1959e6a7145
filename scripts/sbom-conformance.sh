#!/usr/bin/env bash
# Checks bills of materials against what others made to check them: official schemas, vectors and
# validators, taken from the Python package registry into .cache/sbom.
#
# Usage: scripts/sbom-conformance.sh
#
# 1. The CycloneDX schemas' vectors and the package URL suite through our readers.
# 2. What we write through cyclonedx-python-lib's strict validators, spdx-tools and the NTIA checker.
# Exit codes: 0 all as it must be, 1 something is not.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=.cache/sbom
out=$cache/out
mkdir -p "$cache" "$out"
if [ ! -x "$cache/venv/bin/ntia-checker" ]; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet 'cyclonedx-python-lib[json-validation]==11.*' 'spdx-tools==0.8.*' \
        'ntia-conformance-checker'
fi
fetch() { # PACKAGE: its source archive, unpacked
    local directory=$cache/$1
    [ -d "$directory" ] && return
    mkdir -p "$directory.part"
    "$cache/venv/bin/pip" download --quiet --no-deps --no-build-isolation --no-binary :all: \
        --dest "$directory.part" "$1"
    tar -xzf "$directory.part"/*.tar.gz -C "$directory.part" --strip-components=1
    mv "$directory.part" "$directory"
}
"$cache/venv/bin/pip" install --quiet poetry-core setuptools wheel
fetch cyclonedx-python-lib
fetch packageurl-python

rm -f "$out"/*
RAMPART_CYCLONEDX_VECTORS=$PWD/$cache/cyclonedx-python-lib/tests/_data/schemaTestData \
RAMPART_PURL_SUITE=$PWD/$cache/packageurl-python/tests/data/test-suite-data.json \
RAMPART_SBOM_OUT=$PWD/$out \
    cargo test --locked -p rampart-vuln --test it -- --nocapture official_vectors specifications_suite documents_for

"$cache/venv/bin/python" - "$out" <<'PYTHON'
import glob, os, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

wrong = count = 0
for path in sorted(glob.glob(sys.argv[1] + "/*")):
    count += 1
    if path.endswith(".cdx.json"):
        version = SchemaVersion.V1_5 if ".1.5." in path else SchemaVersion.V1_6
        fault = JsonStrictValidator(version).validate_str(open(path).read())
        faults = [str(fault)[:300]] if fault else []
    else:
        faults = [m.validation_message for m in validate_full_spdx_document(parse_file(path))]
    if faults:
        wrong += 1
        print(os.path.basename(path), faults[:3])
print(f"{count} documents validated, {wrong} not valid")
sys.exit(1 if wrong or not count else 0)
PYTHON
"$cache/venv/bin/ntia-checker" --comply ntia --file "$out/0.spdx.json"
