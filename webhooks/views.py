"""The address that ChumiAI calls, and the page where a manager sets it up."""

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.actions import refusal_as_message
from core.confirms import Confirm
from teams.requests import TeamRequest
from teams.roles import requires
from webhooks import services
from webhooks.forms import SigningForm, StopWordsForm
from webhooks.models import Webhook

# The kinds of events that the page explains: label and description.
KINDS = {
    "sent": (gettext_lazy("Sent"), gettext_lazy("A message left WhatsApp")),
    "delivered": (gettext_lazy("Delivered"), gettext_lazy("A message is on the phone")),
    "read": (gettext_lazy("Read"), gettext_lazy("A message was opened")),
    "failed": (gettext_lazy("Failed"), gettext_lazy("Why a message was not delivered")),
    "message": (gettext_lazy("Replies"), gettext_lazy("A person wrote or pressed a button")),
    "preference": (
        gettext_lazy("Opt-outs"),
        gettext_lazy("A person stopped marketing messages in WhatsApp"),
    ),
    "template": (
        gettext_lazy("Templates"),
        gettext_lazy("WhatsApp paused, approved or rated a template"),
    ),
}
LONGEST_CHALLENGE = 200


class EventKind(NamedTuple):
    """A kind of event on the page; `at` is when it last arrived, None if it never did."""

    label: str
    description: str
    at: datetime | None


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def receive(request: HttpRequest, secret: str) -> HttpResponse:
    """Store a delivery. A refused one writes nothing."""
    try:
        webhook = services.find_webhook(secret)
    except services.UnknownAddress:
        return _plain(404, "No such address")
    if request.method != "POST":
        return _handshake(request, webhook)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _plain(415, "Send the body as it is, not compressed")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > settings.MAX_WEBHOOK_BYTES:
            return _plain(413, "The body is too large")
        body = request.read(settings.MAX_WEBHOOK_BYTES)
        if len(body) < length:
            return _plain(400, "The body ended early")
        services.receive(webhook, body, request.headers)
    except services.BadSignature:
        return _plain(403, "The signature is missing or wrong")
    except (ValueError, OSError):
        # Half a body, an invalid length, or invalid JSON.
        return _plain(400, "The body is not a JSON object")
    return _plain(200, "ok")


def _handshake(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    """Return the challenge if the verify token is right, as Meta's webhooks do."""
    challenge = request.GET.get("hub.challenge")
    if challenge is None:
        return _plain(200, "ok")
    is_ours = services.is_verify_token(webhook, request.GET.get("hub.verify_token", ""))
    return _plain(200, challenge[:LONGEST_CHALLENGE]) if is_ours else _plain(403, "Not verified")


@require_safe
def webhook_detail(request: TeamRequest) -> HttpResponse:
    """Show the address to paste in ChumiAI, and which kinds of events arrive."""
    webhook = Webhook.objects.filter(team=request.team).first()
    return _page(request, webhook, SigningForm())


def _page(request: TeamRequest, webhook: Webhook | None, signing: SigningForm) -> HttpResponse:
    context: dict[str, Any] = {
        "webhook": webhook,
        "kinds": _kinds(webhook),
        "signing": signing,
        "silence": services.silence_of(request.team),
    }
    if webhook and request.may["connect"]:
        path = reverse("webhook", kwargs={"secret": webhook.secret()})
        context["address"] = request.build_absolute_uri(path)
        context["renew_confirm"] = renew_confirm(webhook)
        context["sign_confirms"] = sign_confirms(webhook)
        context["words"] = StopWordsForm({"words": webhook.stop_words})
    return render(request, "webhooks/webhook_detail.html", context)


def _kinds(webhook: Webhook | None) -> list[EventKind]:
    arrived = webhook.arrived if webhook else {}
    return [
        EventKind(
            str(label),
            str(description),
            datetime.fromisoformat(arrived[kind]) if kind in arrived else None,
        )
        for kind, (label, description) in KINDS.items()
    ]


def _back(request: TeamRequest) -> HttpResponse:
    return redirect("webhooks:webhook_detail", team=request.team.slug)


def renew_confirm(webhook: Webhook) -> Confirm:
    """Return the button that replaces the address."""
    return Confirm(
        question=_("Replace the address?"),
        consequence=_(
            "The current address stops working now. No updates arrive until you paste the new one "
            "in ChumiAI."
        ),
        button=_("Replace"),
        action=reverse("webhooks:webhook_renew", args=[webhook.team.slug]),
        label=_("Replace address"),
        icon="refresh",
    )


@require_POST
@requires("connect")
def webhook_renew(request: TeamRequest) -> HttpResponse:
    """Create the address, or replace it."""
    services.renew_address(request.team, by=request.user)
    messages.success(request, _("The address is ready. Copy it and paste it in ChumiAI."))
    return _back(request)


def sign_confirms(webhook: Webhook) -> list[Confirm]:
    """Return the buttons of an address whose updates are signed."""
    action, confirms = reverse("webhooks:webhook_sign", args=[webhook.team.slug]), []
    if webhook.rotates:
        drop = Confirm(
            question=_("Remove the previous secret?"),
            consequence=_("Updates signed with the previous secret are rejected from now on."),
            button=_("Remove"),
            action=action,
            fields={"do": "drop"},
            label=_("Remove previous secret"),
        )
        confirms.append(drop)
    if webhook.is_signed:
        off = Confirm(
            question=_("Stop checking signatures?"),
            consequence=_("Anyone with the address can then send updates here."),
            button=_("Stop checking"),
            action=action,
            fields={"do": "off"},
            css="btn btn-outline-danger",
        )
        confirms.append(off)
    return confirms


@sensitive_post_parameters("secret")
@require_POST
@requires("connect")
def webhook_sign(request: TeamRequest) -> HttpResponse:
    """Set a signing secret, drop the previous one, or stop checking signatures."""
    webhook = get_object_or_404(Webhook, team=request.team)
    match request.POST.get("do"):
        case "drop":
            services.drop_old_signing(webhook, by=request.user)
            messages.success(request, _("Only the new signing secret is valid now."))
        case "off":
            services.stop_signing(webhook, by=request.user)
            messages.success(request, _("Signatures are no longer checked."))
        case _:
            form = SigningForm(request.POST)
            if not form.is_valid():
                return _page(request, webhook, form)
            with refusal_as_message(request):
                services.change_signing(webhook, form.cleaned_data["secret"], by=request.user)
                messages.success(request, _("Signatures are now checked."))
    return _back(request)


@require_POST
@requires("connect")
def webhook_stop_words(request: TeamRequest) -> HttpResponse:
    """Change the messages that opt a person out."""
    webhook = get_object_or_404(Webhook, team=request.team)
    form = StopWordsForm(request.POST)
    if form.is_valid():
        services.change_stop_words(webhook, form.cleaned_data["words"], by=request.user)
        messages.success(request, _("Stop words saved."))
    else:
        messages.error(request, _("The list is too long. Nothing was changed."))
    return _back(request)
