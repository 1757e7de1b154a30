"""Compare a wheel with the files that git tracks: is anything left out or added?

Run from the root of the repository: `python .ci/check_wheel.py dist/*.whl`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import PurePosixPath
from zipfile import ZipFile

ROOMS = ("analysis", "inputs", "models", "plots")
SUFFIXES = {".py", ".yaml", ".json", ".npz", ".typed"}


def tracked() -> set[str]:
    """Return the files of the package that git tracks, as the wheel names them."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", *ROOMS],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return {f"nuem/{name}" for name in listing.split("\0") if name}


def main(wheel: str) -> int:
    """Print what differs and return the exit code."""
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    package = {name for name in held if ".dist-info/" not in name}
    expected = tracked()
    odd = {name for name in expected if PurePosixPath(name).suffix not in SUFFIXES}
    problems = [
        f"not in the wheel: {name}" for name in sorted(expected - odd - package)
    ]
    problems += [
        f"not tracked, but in the wheel: {name}" for name in sorted(package - expected)
    ]
    problems += [f"no known kind of package file: {name}" for name in sorted(odd)]
    if not expected:
        problems.append("git tracks no file of the package: is this its repository?")
    for problem in problems:
        print(problem)
    print(f"{wheel}: {len(package)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
