"""Look up known vulnerabilities of what requirements.txt pins: python -m tests.audit"""

import json
import subprocess
import sys

from tests.processes import ROOT

COMMAND = [
    *(sys.executable, "-m", "pip_audit", "--requirement", "requirements.txt", "--disable-pip"),
    *("--format", "json", "--progress-spinner", "off"),
]


def report(answer, error=""):
    """Return the lines to print and the exit code for pip-audit's JSON, or for its error.

    Only a known vulnerability fails. Packages that the advisory service could not look up are
    counted, so that "nothing found" never hides "nothing looked up".
    """
    if not answer:
        return [f"Audit: nothing could be looked up. {error.strip().splitlines()[-1]}"], 0
    packages = json.loads(answer)["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: {hole['id']}, "
        f"fixed in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    looked_up = len(packages) - len(skipped)
    end = f"Audit: {looked_up} of {len(packages)} packages looked up"
    if skipped:
        end += "; the advisory service did not answer for the rest"
    return [*lines, f"{end}. Known vulnerabilities: {len(lines)}."], 1 if lines else 0


def main():
    try:
        ran = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, timeout=180)
        lines, code = report(ran.stdout, ran.stderr)
    except subprocess.TimeoutExpired as error:
        lines, code = report("", str(error))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
