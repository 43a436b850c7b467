"""The child process that reads and checks a file."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audience import process
from audience.check import SAME_AS_ROW, Outcome
from audience.mapping import Column, Mapping
from audience.process import FAILED, NO_ROWS, TOO_HEAVY, run
from audience.values import EMPTY_CELL
from core import phones
from spreadsheets.cells import SpreadsheetError
from tests.spreadsheets.files import raw_xlsx, xlsx

MAPPING = Mapping(0, {"1": Column(1), "2": Column(2)}).to_json()
RULES = {"placeholders": ["1", "2"], "body": "Hi {{1}}, your code is {{2}}."}
PEOPLE = [
    ["Phone", "Name", "Code"],
    [233244123456.0, "Ama", "X1"],
    [],
    [201234567, "Kofi", "X2"],
    ["0244123456", "Ama again", "X3"],
    ["2.33E+11", "Esi", "X4"],
    ["0205555555", "Yaw", "X5"],
    ["0209999999", "", "X6"],
]


@pytest.fixture
def check(tmp_path):
    def run_check(path, **request):
        return run(
            {
                "action": "check",
                "path": str(path),
                "header": True,
                "mapping": MAPPING,
                "rules": RULES,
                "out_dir": str(tmp_path),
                **request,
            }
        )

    return run_check


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_head_shows_the_first_rows_and_suggests_the_columns(tmp_path):
    answer = run(
        {
            "action": "head",
            "path": str(xlsx(tmp_path / "a.xlsx", PEOPLE)),
            "rows": 3,
            "placeholders": ["1", "2"],
            "hints": {"1": "Hi ", "2": "your code is "},
        }
    )
    assert answer == {
        "format": "xlsx",
        "sheets": ["Sheet1"],
        "sheet": "Sheet1",
        "has_header": True,
        "suggestion": MAPPING,
        "rows": [
            [1, ["Phone", "Name", "Code"], False],
            [2, ["233244123456", "Ama", "X1"], False],
            [4, ["201234567", "Kofi", "X2"], False],
        ],
    }


def test_a_person_may_decide_whether_there_is_a_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Phone,Name\n0244123456,Ama\n")
    request = {"action": "head", "path": str(path)}
    assert run(request)["has_header"] is True
    assert run(request | {"header": False})["has_header"] is False


def test_every_row_has_an_outcome(tmp_path, check):
    opted_out = tmp_path / "opted_out"
    opted_out.write_text("+233205555555\n+233200000000\n")
    path = xlsx(tmp_path / "a.xlsx", PEOPLE)
    answer = check(path, opted_out_path=str(opted_out))

    assert {outcome: n for outcome, n in answer["counts"].items() if n} == {
        "ready": 1,
        "repaired": 1,
        "duplicate": 1,
        "invalid": 2,
        "opted_out": 1,
    }
    assert (answer["total"], answer["sendable"], answer["hidden"]) == (6, 2, 0)
    assert answer["column_errors"] == [] and answer["header"] == ["Phone", "Name", "Code"]
    assert answer["longest"] == {"row": 4, "length": len("Hi Kofi, your code is X2.")}
    assert [n for _, n in answer["problems"]] == [1, 1]
    [[repair, count]] = answer["notes"]
    assert (repair, count) == (phones.RESTORED_ZERO, 1)
    assert lines(tmp_path / "ready.jsonl") == [
        [2, "+233244123456", ["Ama", "X1"], []],
        [4, "+233201234567", ["Kofi", "X2"], [repair]],
    ]
    report = lines(tmp_path / "report.jsonl")
    assert [row[:4] for row in report] == [
        [4, "repaired", "201234567", "+233201234567"],
        [5, "duplicate", "0244123456", "+233244123456"],
        [6, "invalid", "2.33E+11", None],
        [7, "opted_out", "0205555555", "+233205555555"],
        [8, "invalid", "0209999999", "+233209999999"],
    ]
    assert report[1][4] == [[SAME_AS_ROW, {"row": "2"}]]
    assert report[4][4] == [[EMPTY_CELL, {"placeholder": "{{1}}"}]]
    assert all(row[4] for row in report) and report[0][5] == ["201234567", "Kofi", "X2"]
    assert answer["samples"]["invalid"] == [report[2], report[4]]
    assert set(answer["samples"]) == set(Outcome)


def test_samples_are_few_and_short_whatever_the_file(tmp_path, check):
    rows = [[f"02441{i:05}", "a" * 900, "x", *["more"] * 30] for i in range(120)]
    answer = check(xlsx(tmp_path / "a.xlsx", rows), header=False)
    sample = answer["samples"]["ready"]
    assert len(sample) == 50
    assert all(len(row[5]) == 20 and max(map(len, row[5])) == 200 for row in sample)


def test_column_errors_stop_the_check(tmp_path, check):
    path = xlsx(tmp_path / "a.xlsx", [row[:2] for row in PEOPLE])
    answer = check(path)
    assert list(answer) == ["column_errors"] and len(answer["column_errors"]) == 1
    assert not (tmp_path / "ready.jsonl").exists()


def test_the_limit_of_rows_leaves_room_for_the_header(tmp_path, check):
    path = xlsx(
        tmp_path / "a.xlsx", [PEOPLE[0], *([f"02441000{i:02}", "A", "B"] for i in range(5))]
    )
    assert check(path, limits={"rows": 5})["total"] == 5
    with pytest.raises(SpreadsheetError, match="more than 5 rows") as caught:
        check(path, limits={"rows": 5}, header=False)
    assert caught.value.sentence.params == {"count": 5}


@pytest.mark.parametrize("action", ["head", "check"])
def test_a_sheet_without_rows_is_refused(tmp_path, check, action):
    with pytest.raises(SpreadsheetError) as caught:
        check(raw_xlsx(tmp_path / "a.xlsx", '<row r="1"><c r="A1" s="0"/></row>'), action=action)
    assert str(caught.value) == NO_ROWS


def test_the_sentence_of_the_reader_crosses_the_process(tmp_path, check):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(SpreadsheetError, match="This is a PDF"):
        check(path)


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path, check):
    # 24 MB of XML, within every other limit; as Python objects far more than the child may have.
    styles = '<a b="1"/>' * 2_400_000
    path = raw_xlsx(tmp_path / "a.xlsx", "<row><c><v>1</v></c></row>", styles=styles)
    with pytest.raises(SpreadsheetError) as caught:
        check(path, limits={"ratio": 5000})
    assert str(caught.value) == TOO_HEAVY


def test_a_file_that_needs_too_much_time_is_refused(tmp_path):
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    with pytest.raises(SpreadsheetError) as caught:
        run({"action": "head", "path": str(pipe)}, timeout=1)
    assert str(caught.value) == TOO_HEAVY


def test_a_bug_is_logged_without_the_content_of_the_file(tmp_path, check, caplog):
    path = xlsx(tmp_path / "a.xlsx", PEOPLE)
    with caplog.at_level(logging.ERROR), pytest.raises(SpreadsheetError) as caught:
        check(path, mapping={"phone_column": "secret", "values": {}})
    assert str(caught.value) == FAILED
    assert "ValueError in mapping.py" in caplog.text and "secret" not in caplog.text


def test_the_child_gets_no_secrets_and_loads_no_django(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "canary")
    seen = tmp_path / "environment"
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nenv > "{seen}"\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    run({"action": "head", "path": str(xlsx(tmp_path / "a.xlsx", PEOPLE))})
    assert "PYTHONUTF8" in seen.read_text() and "canary" not in seen.read_text()

    monkeypatch.undo()
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, audience.process as c; print(*sys.modules)"],
        cwd=Path(process.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "audience.process" in loaded and "django" not in loaded
    assert "phonenumbers" not in loaded
