#!/usr/bin/env python3
"""Looks up the pinned packages among known vulnerabilities: audit.py REQUIREMENTS...

Fails on a finding. Without an index that answers it says so and succeeds: a build server without
network must be able to pass.
"""

import json
import subprocess
import sys

LIMIT = 120  # s


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    command += ["--disable-pip", "--no-deps", *(f"--requirement={path}" for path in sys.argv[1:])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print(f"audit skipped: no answer from the index in {LIMIT} s")
        return 0
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"audit skipped: {reason}")
        return 0
    known = [package for package in packages if "skip_reason" not in package]
    print(f"audit: {len(known)} of {len(packages)} packages are known to the index")
    for package in known:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            print(f"  {package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    return any(package["vulns"] for package in known)


if __name__ == "__main__":
    sys.exit(main())
