"""Teams, people and keys: what an administrator sets up."""

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401
import phonenumbers
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from core.admin import ReadOnlyAdmin
from teams import accounts, services
from teams.forms import KeyField, base_url_choices
from teams.models import AuditEvent, Connection, Membership, Team, User

# Memberships give roles, the person has the email address, and allauth's page of second factors
# shows their secrets. Their admins are imported above so that they can be unregistered here.
admin.site.unregister([Group, EmailAddress, Authenticator])


class TeamForm(forms.ModelForm):
    def clean_default_region(self):
        region = self.cleaned_data["default_region"].upper()
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValidationError(_("This is not the two-letter code of a country."))
        return region


class ConnectionForm(forms.ModelForm):
    """Takes a key and never shows one; `teams.services.connect` stores it."""

    base_url = forms.ChoiceField(label=gettext_lazy("ChumiAI address"))
    api_key = KeyField(
        required=False,
        help_text=gettext_lazy(
            "Stored encrypted and never shown again. A change of the address deletes the key."
        ),
    )

    class Meta:
        model = Connection
        fields = ["base_url"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        choices = base_url_choices(self.instance.base_url)
        self.fields["base_url"].choices = choices
        self.initial["base_url"] = choices[0][0]


class ConnectionInline(admin.StackedInline):
    model = Connection
    form = ConnectionForm
    can_delete = False
    fields = ["base_url", "api_key", "stored_key", "problem", "checked_at"]
    readonly_fields = ["stored_key", "problem", "checked_at"]

    @admin.display(description=gettext_lazy("Stored key"))
    def stored_key(self, connection):
        if not connection.has_key:
            return _("none")
        return _("ends with {last4}").format(last4=connection.key_last4)


class MembershipInline(admin.StackedInline):
    """Stacked: the fields of a tabular inline have no labels."""

    model = Membership
    raw_id_fields = ["user", "team"]
    extra = 1


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    form = TeamForm
    list_display = ["name", "slug", "key_state", "created_at"]
    list_select_related = ["connection"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ConnectionInline, MembershipInline]

    @admin.display(description=gettext_lazy("ChumiAI key"))
    def key_state(self, team):
        connection = getattr(team, "connection", None)
        return f"…{connection.key_last4}" if connection and connection.has_key else _("none")

    def has_delete_permission(self, request, obj=None):
        # It must stay known what a team sent, and to which people.
        return False

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request, *args, **kwargs):
        return super().changeform_view(request, *args, **kwargs)

    def save_formset(self, request, form, formset, change):
        if formset.model is not Connection:
            super().save_formset(request, form, formset, change)
            return
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        for row in formset.forms:
            if row.has_changed():
                known = row.instance.pk is not None
                connection = services.connect(
                    form.instance,
                    base_url=row.cleaned_data["base_url"],
                    key=row.cleaned_data["api_key"],
                    by=request.user,
                )
                if known:
                    formset.changed_objects.append((connection, row.changed_data))
                else:
                    formset.new_objects.append(connection)


class PersonForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "first_name", "last_name"]


@admin.register(User)
class PersonAdmin(UserAdmin):
    add_form = PersonForm
    ordering = ["email"]
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "first_name", "last_name"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]
    fieldsets = [
        (
            None,
            {
                "fields": ["email", "password"],
                "description": gettext_lazy(
                    "A new address ends all sessions, links and the two-factor login, but not the "
                    "password. If a person leaves, make the account inactive and add the next "
                    "person: the history names the person of the account."
                ),
            },
        ),
        (gettext_lazy("Person"), {"fields": ["first_name", "last_name"]}),
        (gettext_lazy("Permissions"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
        (gettext_lazy("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["email", "first_name", "last_name", "usable_password"]
                + ["password1", "password2"],
            },
        ),
    ]

    def get_inlines(self, request, obj):
        return self.inlines if obj else []

    def has_delete_permission(self, request, obj=None):
        # The history names people: set a person who leaves to inactive.
        return False

    def save_model(self, request, obj, form, change):
        if not change:
            super().save_model(request, obj, form, change)
            accounts.record(obj, "account created", by=request.user)
            return
        accounts.save_account(obj, by=request.user)
        if obj == request.user:
            update_session_auth_hash(request, obj)

    @method_decorator(sensitive_post_parameters())
    @transaction.atomic
    def user_change_password(self, request, id, form_url=""):
        former = getattr(self.get_object(request, unquote(id)), "password", None)
        response = super().user_change_password(request, id, form_url)
        person = self.get_object(request, unquote(id))
        if person.password != former:
            accounts.end_access(person, by=request.user)
            if person == request.user:
                update_session_auth_hash(request, person)
        return response


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """A second factor. Delete it to let a person in who lost the phone. Its secret is hidden."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request, obj=None):
        return request.user.is_superuser

    def delete_model(self, request, obj):
        super().delete_model(request, obj)
        accounts.record(obj.user, "second factor removed", by=request.user)

    def delete_queryset(self, request, queryset):
        for row in queryset.select_related("user"):
            self.delete_model(request, row)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "team", "user", "user_email", "action", "subject"]
    list_select_related = ["team", "user"]
    list_filter = ["action", "team"]
    search_fields = ["subject", "user_email"]
    ordering = ["-at"]
