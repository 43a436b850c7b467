"""The forms of a person's own account."""

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from teams.models import User, validate_plain_address


class ResetForm(ResetPasswordForm):
    """Finds the account by its one address; no other address leads to it."""

    def clean_email(self):
        email = self.cleaned_data["email"].lower()
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class EmailChangeForm(forms.Form):
    email = forms.EmailField(
        label=_("New email address"),
        validators=[validate_plain_address],
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, data=None, *, user):
        super().__init__(data)
        self.user = user

    def clean_email(self):
        email = self.cleaned_data["email"].lower()
        if email == self.user.email:
            raise ValidationError(_("This is already the address of your account."))
        return email
