"""Take each guard out in turn: at least one test must turn red."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.mutants import MUTANTS
from tests.processes import ROOT

BY_NAME = [pytest.param(mutant, id=mutant.name.replace(" ", "_")) for mutant in MUTANTS]
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", "var", "docs", "node_modules", "__pycache__", "staticfiles", "*.sqlite3"
)


@pytest.mark.parametrize("mutant", BY_NAME)
def test_its_old_text_stands_in_the_code_once(mutant):
    for file, old, new in mutant.edits:
        assert (ROOT / file).read_text().count(old) == 1, f"{file} changed: update {mutant.name!r}"
        assert old != new
    file, _, name = mutant.test.partition("::")
    assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text()


@pytest.mark.long
@pytest.mark.parametrize("mutant", BY_NAME)
def test_a_test_turns_red(mutant, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
    for file, old, new in mutant.edits:
        path = copy / file
        path.write_text(path.read_text().replace(old, new))
    # A database of its own, whatever this run is on: the copy makes and drops it.
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "DATA_DIR", "TASKS_STORE"}
        and not name.startswith("PYTEST_")
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", mutant.test],
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 1, f"{mutant.test} lives with it:\n{run.stdout[-1500:]}"
    assert "failed" in run.stdout and "error" not in run.stdout.splitlines()[-1], run.stdout[
        -1500:
    ]
