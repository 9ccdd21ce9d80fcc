"""``make audit``: known vulnerabilities in what is locked for running the app.

Not every package index tells them. One that knows none of the packages is said plainly and is no failure; a
vulnerability that is known is one, wherever it is told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 120


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        export = ["uv", "export", "--frozen", "--quiet", "--no-dev", "--all-extras", "--no-emit-project", "--no-hashes"]
        subprocess.run([Path(sys.executable).with_name("uv"), *export[1:], "-o", requirements], cwd=ROOT, check=True)
        audit = ["-m", "pip_audit", "--requirement", requirements, "--disable-pip", "--no-deps", "--format", "json"]
        try:
            done = subprocess.run(
                [sys.executable, *audit], capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"No advisories: the package index did not answer within {SECONDS} s.")
            return 0
    return told(done.stdout, done.stderr)


def told(report: str, complaint: str) -> int:
    """The exit code, with what was found on standard output."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        print(f"No advisories: {complaint.strip().splitlines()[-1] if complaint.strip() else 'no answer'}")
        return 0
    known = [package for package in packages if "vulns" in package]
    found = [(package, each) for package in known for each in package["vulns"]]
    for package, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    if not known:
        print("No advisories: the package index does not tell them.")
    elif not found:
        print(f"No known vulnerability in {len(known)} of {len(packages)} packages.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
