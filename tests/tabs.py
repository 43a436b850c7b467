"""Tabs of a browser without a browser: HTTP sessions of people who are logged in."""

import uuid

import requests
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse

from sending.services.launches import consent_sentence

# Seconds until a request is given up.
LONGEST_ANSWER = 10


def browser(user):
    """Return a logged-in HTTP session, as a browser tab has one."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    session = requests.Session()
    session.trust_env = False
    # The server closes a line that was idle while the others were made ready.
    session.headers["Connection"] = "close"
    session.cookies[settings.SESSION_COOKIE_NAME] = store.session_key
    return session


def launch_form(campaign, *, engine):
    """Return what the review page sends, with an intent of its own."""
    return {
        "intent": str(uuid.uuid4()),
        "digest": campaign.digest,
        "consent": consent_sentence(campaign),
        "engine": engine,
        "typed": campaign.recipient_count,
    }


def press_launch(tab, url, campaign, form):
    """Press the button of the review page once. Return the answer."""
    names = [campaign.team.slug, campaign.uuid]
    if "csrftoken" not in tab.cookies:
        review = url + reverse("campaigns:campaign_review", args=names)
        tab.get(review, timeout=LONGEST_ANSWER).raise_for_status()
    return tab.post(
        url + reverse("campaigns:campaign_launch", args=names),
        data=form | {"csrfmiddlewaretoken": tab.cookies["csrftoken"]},
        headers={"Referer": url},
        allow_redirects=False,
        timeout=LONGEST_ANSWER,
    )
