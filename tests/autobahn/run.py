#!/usr/bin/env python3
"""Runs Autobahn's fuzzing client against the echo example, and fails unless every case passes.

    run.py SUITE ECHO REPORT      the suite's folder (see install.sh), the example's binary, where reports go

The cases about compression (12 and 13) are left out: walras offers no extension.
"""

import collections
import json
import pathlib
import subprocess
import sys

# How a case may end. Unimplemented would be a case that needs an extension.
FINE = {"OK", "NON-STRICT", "INFORMATIONAL"}
# The suite without compression; fewer would mean that it was cut short.
CASES = 301
SECONDS_MAX = 1800


def run(suite, echo, report):
    report.mkdir(parents=True, exist_ok=True)
    index = report / "index.json"
    index.unlink(missing_ok=True)
    server = subprocess.Popen([echo, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        spec = {
            "outdir": str(report),
            "servers": [{"agent": "walras", "url": url}],
            "cases": ["*"],
            "exclude-cases": ["12.*", "13.*"],
            "exclude-agent-cases": {},
        }
        (report / "spec.json").write_text(json.dumps(spec))
        command = [suite / "bin/python", "-m", "autobahntestsuite.wstest"]
        command += ["-m", "fuzzingclient", "-s", report / "spec.json"]
        with open(report / "wstest.log", "w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True, timeout=SECONDS_MAX)
    finally:
        server.kill()
        server.wait()
    return json.loads(index.read_text())["walras"]


def case_key(name):
    return [int(part) for part in name.split(".")]


def main():
    suite, echo, report = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    cases = run(suite, echo, report)
    for field in ("behavior", "behaviorClose"):
        counts = collections.Counter(case[field] for case in cases.values())
        print(f"{field}:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    failed = [name for name, case in cases.items() if not {case["behavior"], case["behaviorClose"]} <= FINE]
    for name in sorted(failed, key=case_key):
        print(f"case {name}: {cases[name]['behavior']}, close {cases[name]['behaviorClose']}")
    print(f"{len(failed)} failed of {len(cases)}")
    if failed or len(cases) != CASES:
        sys.exit(f"see {report}/index.html" if failed else f"{CASES} cases were expected")


if __name__ == "__main__":
    main()
