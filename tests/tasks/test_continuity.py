"""The token in two places: which of them is ahead says whether the past is missing."""

import json
import shutil

import pytest
from django.utils import timezone

from core.births import birth_of
from tasks import continuity, second_place, services
from tasks.continuity import Doubt, RestoredCopy
from tasks.models import Continuity, Task
from tasks.second_place import Kept

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(settings):
    """The second place, after two confirmed claims."""
    assert continuity.catch_up()
    for position in (3, 6):
        claim("sale", position)
    return settings.CONTINUITY_FILE


def claim(subject, upto):
    stamp = continuity.advance(subject, upto)
    assert continuity.confirm(stamp)
    return stamp


def row():
    return Continuity.objects.get()


def rewind(to):
    """Put the row back, as a restored copy has it."""
    Continuity.objects.update(counter=to.counter, token=to.token, claimed_at=to.claimed_at)


def test_a_new_installation_is_in_order(settings):
    assert continuity.doubt() is None
    assert not settings.CONTINUITY_FILE.exists(), "a look writes nothing"
    assert continuity.catch_up()
    assert continuity.doubt() is None


def test_both_places_know_the_last_claim(file):
    kept = second_place.read()
    assert (kept.counter, kept.token) == (row().counter, row().token)
    assert kept.marks == {"sale": (2, 6)}
    assert file.stat().st_mode & 0o777 == 0o600
    assert continuity.doubt() is None


def test_a_worker_that_died_between_commit_and_file_leaves_no_doubt(file):
    continuity.advance("sale", 9)
    assert continuity.doubt() is None
    assert second_place.read().counter == 2
    assert continuity.catch_up()
    assert second_place.read().counter == 3
    # It sent nothing.
    assert second_place.read().marks == {"sale": (2, 6)}


def test_the_file_goes_forwards_only(file):
    first = continuity.advance("sale", 9)
    second = continuity.advance("letter", 4)
    assert continuity.confirm(second)
    assert continuity.confirm(first)
    kept = second_place.read()
    assert (kept.counter, kept.token) == (second.counter, second.token)
    # The earlier claim may send, too: it is not lost.
    assert kept.marks == {"sale": (3, 9), "letter": (4, 4)}
    assert continuity.doubt() is None


def test_an_older_row_claims_nothing(file):
    older = row()
    claim("sale", 9)
    rewind(older)
    assert continuity.doubt() == Doubt.BEHIND
    with pytest.raises(RestoredCopy):
        continuity.advance("sale", 9)
    assert row().counter == older.counter
    assert continuity.evidence().since == {"sale": 9}


def test_what_was_claimed_before_the_copy_is_not_in_doubt(file):
    claim("letter", 4)
    older = row()
    claim("sale", 9)
    rewind(older)
    assert continuity.evidence().since == {"sale": 9}


def test_as_many_other_claims_are_another_past(file):
    older = row()
    claim("sale", 9)
    rewind(older)
    Continuity.objects.update(counter=older.counter + 1, token="another")
    assert continuity.doubt() == Doubt.BRANCHED
    assert continuity.evidence().since is None


def test_without_its_file_a_database_is_in_doubt(file):
    file.unlink()
    assert continuity.doubt() == Doubt.FILE_MISSING
    assert continuity.evidence().since is None


def test_a_missing_file_is_not_made_again(file):
    file.unlink()
    assert not continuity.catch_up()
    assert not file.exists()


def test_in_another_folder_than_other_workers_a_file_is_not_missing(file, settings, tmp_path):
    services.record_heartbeat("other:1", timezone.now())
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    settings.CONTINUITY_FILE = tmp_path / "elsewhere.json"
    assert continuity.doubt() is None, "the folder is wrong, not the database"
    assert not continuity.catch_up()
    with pytest.raises(RestoredCopy):
        continuity.advance("sale", 9)
    services.record_stopped("other:1")
    assert continuity.doubt() == Doubt.FILE_MISSING


def test_a_file_that_was_lost_meanwhile_does_not_speak_for_what_it_held(file):
    older = row()
    claim("letter", 4)
    stamp = continuity.advance("sale", 9)
    file.unlink()
    assert continuity.confirm(stamp)
    rewind(older)
    assert continuity.doubt() == Doubt.BEHIND
    assert continuity.evidence().since is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"identity": 1}', "\x00" * 40])
def test_a_file_that_makes_no_sense_is_a_missing_one(file, text):
    file.write_text(text)
    assert continuity.doubt() == Doubt.FILE_MISSING


def test_both_places_put_back_together_are_in_doubt(file, tmp_path):
    """A backup of the whole folder, written over it."""
    if not birth_of(file):
        pytest.skip("this file system does not say when a file was made")
    older = row()
    shutil.copy2(file, tmp_path / "backup")
    claim("sale", 9)
    rewind(older)
    shutil.copy2(tmp_path / "backup", file)
    assert continuity.doubt() == Doubt.FILE_COPIED
    assert continuity.evidence().since is None


def test_a_clone_of_both_places_knows_that_its_database_is_another(file):
    Continuity.objects.update(database="sqlite 1")
    assert continuity.doubt() == Doubt.OTHER_DATABASE


def test_the_database_has_a_name_that_no_copy_shares(db):
    assert continuity.database_identity()
    assert continuity.database_identity() == continuity.database_identity()


def test_the_file_of_another_database_is_not_written_over(file):
    stamp = continuity.advance("sale", 9)
    values = json.loads(file.read_text())
    second_place.write(Kept("other", 1, "t"), replace=True)
    assert not continuity.confirm(stamp)
    assert second_place.read().identity == "other" != values["identity"]
    assert continuity.doubt() == Doubt.OTHER_INSTALLATION


def test_a_new_database_beside_an_old_file_begins_its_own(file):
    Continuity.objects.all().delete()
    continuity.begin()
    assert continuity.doubt() is None
    assert second_place.read().counter == row().counter == 0


def test_a_database_from_before_its_first_claim_is_in_doubt(file):
    Continuity.objects.all().delete()
    Task.objects.create(name="check_campaign", key="1")
    continuity.begin()
    assert continuity.doubt() == Doubt.BEHIND
    with pytest.raises(RestoredCopy):
        continuity.advance("sale", 9)


def test_a_file_that_cant_be_written_confirms_nothing(file):
    lock = file.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    assert not continuity.confirm(continuity.advance("sale", 9))
    assert not continuity.catch_up()
    assert continuity.doubt() is None, "nothing was sent, so nothing is missing"
    lock.rmdir()
    assert continuity.catch_up()


def test_a_frozen_writer_is_not_waited_for_long(file, monkeypatch):
    monkeypatch.setattr(second_place, "LONGEST_WAIT", 0.1)
    stamp = continuity.advance("sale", 9)
    with second_place._locked():
        assert not continuity.confirm(stamp)
    assert continuity.confirm(stamp)


def test_old_marks_are_forgotten_and_then_say_nothing(file, monkeypatch):
    monkeypatch.setattr(second_place, "MOST_MARKS", 2)
    older = row()
    for subject in ("one", "two", "three"):
        claim(subject, 1)
    kept = second_place.read()
    assert set(kept.marks) == {"two", "three"}
    rewind(older)
    assert continuity.evidence().since is None, "the mark of “one” is missing"


def test_distrust_lasts_until_it_is_adopted(file):
    continuity.distrust()
    assert continuity.doubt() == Doubt.UNKNOWN_JOB
    continuity.renew()
    assert continuity.doubt() is None


def test_it_begins_again_in_both_places(file):
    older = row()
    claim("sale", 9)
    rewind(older)
    continuity.renew()
    assert continuity.doubt() is None
    kept = second_place.read()
    assert (kept.identity, kept.counter) == (row().identity, row().counter)
    assert kept.counter > 3 and kept.identity != older.identity
    claim("sale", 12)
    assert continuity.doubt() is None
