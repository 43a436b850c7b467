"""`/health/` says what is wrong with the installation, and stays 200."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_health_answers_ok_without_a_login(client):
    answer = client.get(reverse("health"))

    assert (answer.status_code, answer.content) == (200, b"ok")
