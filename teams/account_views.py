"""A person's own address. All other pages of an account are allauth's."""

from allauth.account.decorators import reauthentication_required
from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.errors import Refused
from teams import accounts
from teams.account_forms import EmailChangeForm
from teams.tokens import read_email_change_key


@rate_limit(action="manage_email")
@reauthentication_required
@require_http_methods(["GET", "HEAD", "POST"])
def email_change(request):
    """Ask for a new address, and mail it the link that makes it the person's."""
    form = EmailChangeForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        accounts.ask_for_confirmation(
            request.user,
            email,
            link_of=lambda key: request.build_absolute_uri(
                reverse("account_confirm_email", args=[key])
            ),
        )
        # The same sentence for an address of another person: nothing shows who has an account.
        messages.info(
            request,
            _(
                "If {email} can be used, we have sent it a link. "
                "Nothing changes until you open it."
            ).format(email=email),
        )
        return redirect("account_email")
    return render(request, "account/email_change.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def email_confirm(request, key):
    """Show the new address; make it that of the person who is logged in and asked for it."""
    if request.method == "POST":
        try:
            accounts.confirm_email(request.user, key)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            # All other sessions have ended.
            update_session_auth_hash(request, request.user)
            messages.success(request, _("Your email address has changed."))
        return redirect("start")
    email = read_email_change_key(request.user, key)
    return render(request, "account/email_confirm.html", {"email": email})
