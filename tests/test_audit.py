import json

from tests.audit import report

FINE = {"name": "django", "version": "5.2.19", "vulns": []}
HOLE = {
    "name": "requests",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": "…"}],
}
SKIPPED = {"name": "huey", "skip_reason": "Dependency not found on PyPI"}


def answer(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_vulnerability_fails():
    lines, code = report(answer(FINE, HOLE))
    assert code == 1
    assert lines[0] == "requests 2.0: PYSEC-1, fixed in 2.1"


def test_nothing_found_passes():
    assert report(answer(FINE)) == (
        ["Audit: 1 of 1 packages looked up. Known vulnerabilities: 0."],
        0,
    )


def test_what_could_not_be_looked_up_is_counted():
    lines, code = report(answer(FINE, SKIPPED))
    assert code == 0
    assert "1 of 2 packages looked up; the advisory service did not answer" in lines[0]


def test_a_service_that_cannot_be_reached_fails_nothing():
    lines, code = report("", "Traceback …\nConnectionError: no route to host\n")
    assert code == 0
    assert lines == ["Audit: nothing could be looked up. ConnectionError: no route to host"]
