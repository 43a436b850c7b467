"""A column of phones holds E.164 and nothing else, also for raw SQL."""

import sqlite3

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from campaigns.models import Recipient
from contacts.models import Contact, OptOut
from contacts.services import opt_out
from conversations.models import Conversation
from sending import models as sending
from tests import factories

WRONG = (
    "+0244123456",
    "+00233244123456",
    "0244123456",
    "233244123456",
    "+233",
    "+233 24 412 3456",
    "+233244123456x",
    "+23324+4123456",
    "+٢٣٣٢٤٤١٢٣٤٥٦",
    "++233244123456",
    "+",
)


@pytest.fixture
def rows(connected):
    opt_out(connected, "+233244123456")
    factories.mirror(connected)
    factories.make_conversation(connected)
    factories.make_test_number(connected)
    factories.make_ready_campaign(connected, count=1)
    return {
        model: model.objects.get()
        for model in (OptOut, Contact, Conversation, sending.TestNumber, Recipient)
    }


def test_every_column_of_phones_refuses_what_is_not_e164(rows):
    for model, row in rows.items():
        for wrong in WRONG:
            if model is Conversation and not wrong.startswith("+"):
                # There it stands for a person without a number.
                continue
            with pytest.raises(IntegrityError), transaction.atomic():
                model.objects.filter(pk=row.pk).update(phone=wrong)
        for right in ("+2902158", "+233244123456", "+491811234567890"[:16]):
            model.objects.filter(pk=row.pk).update(phone=right)
    Contact.objects.update(phone="")
    with pytest.raises(IntegrityError), transaction.atomic():
        OptOut.objects.update(phone="")


def test_every_model_with_a_phone_has_the_constraint():
    with_phone = {
        model
        for model in apps.get_models()
        if any(field.name == "phone" for field in model._meta.get_fields())
    }
    held = {
        model
        for model in with_phone
        if any(it.name.endswith("phone_is_e164") for it in model._meta.constraints)
    }
    assert with_phone == held and len(held) >= 5


@pytest.mark.django_db(transaction=True)
def test_it_also_holds_for_a_tool_that_knows_no_django(team):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows no functions of Django's")
    opt_out(team, "+233244123456")
    with sqlite3.connect(connection.settings_dict["NAME"]) as raw:
        raw.execute("UPDATE contacts_optout SET phone = '+233244123457'")
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("UPDATE contacts_optout SET phone = '+0244123456'")
    raw.close()
