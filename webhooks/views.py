"""The address that ChumiAI calls, and the page on which a manager sets it up."""

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Refused
from teams.roles import requires
from webhooks import services
from webhooks.forms import SigningForm, StopWordsForm
from webhooks.models import Webhook

# What a person reads of each kind of news: what it is, and what it is good for.
KINDS = {
    "sent": ("Sent", "A message left WhatsApp"),
    "delivered": ("Delivered", "A message arrived on the phone"),
    "read": ("Read", "A message was opened"),
    "failed": ("Failed", "A message did not arrive, and why"),
    "message": ("Replies", "Somebody wrote to you, or pressed a button"),
    "preference": ("Choices", "Somebody stopped marketing messages in WhatsApp"),
    "template": ("Templates", "WhatsApp paused, approved or rated a template"),
}
LONGEST_CHALLENGE = 200


def _say(status, words):
    return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def receive(request, secret):
    """Take in what ChumiAI tells: one row, and the answer. What is refused writes nothing."""
    try:
        webhook = services.address_of(secret)
    except services.NoSuchAddress:
        return _say(404, "No such address")
    if request.method != "POST":
        return _handshake(request, webhook)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _say(415, "Send the body as it is, not compressed")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > settings.MAX_WEBHOOK_BYTES:
            return _say(413, "The body is too large")
        body = request.read(settings.MAX_WEBHOOK_BYTES)
        if len(body) < length:
            return _say(400, "The body ended early")
        services.receive(webhook, body, request.headers)
    except services.NotSigned:
        return _say(403, "The signature is missing or wrong")
    except (ValueError, OSError):
        # Half a body, a length that is no number, or what is no JSON object.
        return _say(400, "The body is no JSON object")
    return _say(200, "ok")


def _handshake(request, webhook):
    """Repeat the challenge to whoever knows the word that stands on the page."""
    challenge = request.GET.get("hub.challenge")
    if challenge is None:
        return _say(200, "ok")
    is_ours = services.is_verify_token(webhook, request.GET.get("hub.verify_token", ""))
    return _say(200, challenge[:LONGEST_CHALLENGE]) if is_ours else _say(403, "Not verified")


@require_safe
def webhook_detail(request):
    """Show the address to paste, and what has come in."""
    webhook = Webhook.objects.filter(team=request.team).first()
    return _page(request, webhook, SigningForm())


def _page(request, webhook, signing, status=200):
    context = {"webhook": webhook, "kinds": _kinds(webhook), "signing": signing}
    if webhook and request.may["connect"]:
        path = reverse("webhook", kwargs={"secret": webhook.secret()})
        context["address"] = request.build_absolute_uri(path)
        context["words"] = StopWordsForm({"words": webhook.stop_words})
    return render(request, "webhooks/webhook_detail.html", context, status=status)


def _kinds(webhook):
    arrived = webhook.arrived if webhook else {}
    return [
        {
            "label": label,
            "purpose": purpose,
            "at": datetime.fromisoformat(arrived[kind]) if kind in arrived else None,
        }
        for kind, (label, purpose) in KINDS.items()
    ]


def _back(request):
    return redirect("webhooks:webhook_detail", team=request.team.slug)


@require_POST
@requires("connect")
def webhook_renew(request):
    """Make an address, or another one."""
    services.renew_address(request.team, by=request.user)
    messages.success(request, "The address is ready. Copy it and paste it in ChumiAI.")
    return _back(request)


@sensitive_post_parameters("secret")
@require_POST
@requires("connect")
def webhook_sign(request):
    """Take a signing secret, drop the one before, or ask for no signature any more."""
    webhook = get_object_or_404(Webhook, team=request.team)
    match request.POST.get("do"):
        case "drop":
            services.drop_old_signing(webhook, by=request.user)
            messages.success(request, "Only the new signing secret counts now.")
        case "off":
            services.stop_signing(webhook, by=request.user)
            messages.success(request, "News is taken without a signature now.")
        case _:
            form = SigningForm(request.POST)
            if not form.is_valid():
                return _page(request, webhook, form)
            try:
                services.change_signing(webhook, form.cleaned_data["secret"], by=request.user)
            except Refused as refused:
                messages.error(request, str(refused))
            else:
                messages.success(request, "From now on, only news with a good signature counts.")
    return _back(request)


@require_POST
@requires("connect")
def webhook_stop_words(request):
    """Change the words that mean "stop"."""
    webhook = get_object_or_404(Webhook, team=request.team)
    form = StopWordsForm(request.POST)
    if form.is_valid():
        services.change_stop_words(webhook, form.cleaned_data["words"], by=request.user)
        messages.success(request, "The stop words are saved.")
    else:
        messages.error(request, "The list is too long. Nothing was changed.")
    return _back(request)
