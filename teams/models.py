"""People, teams, roles, and the connection of a team to ChumiAI."""

import uuid
from secrets import token_hex

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from core import formats
from core.sentence_field import SentenceField
from teams import crypto

# Letters of other alphabets look like these, and an address names its person.
validate_plain_address = RegexValidator(
    r"\A[!-~]+\Z", _("Use an address of plain letters, digits and signs only.")
)


def new_security_stamp():
    return token_hex(16)


class UserManager(BaseUserManager):
    use_in_migrations = True

    def create_user(self, email, password=None, **fields):
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email, password=None, **fields):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email):
        return self.get(email=email.lower())


class User(AbstractUser):
    """A person, identified by the email address: the only one that logs in or gets links."""

    username = None
    email = models.EmailField(_("email address"), unique=True, validators=[validate_plain_address])
    # Part of every session and link of the person: a new one ends them all.
    security_stamp = models.CharField(max_length=32, default=new_security_stamp, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="address_in_lower_case"
            )
        ]

    def __str__(self):
        return self.get_full_name() or self.email

    def clean(self):
        super().clean()
        self.email = self.email.lower()

    def _get_session_auth_hash(self, secret=None):
        text = "\0".join([self.password, self.email, self.security_stamp])
        return salted_hmac("teams.User", text, secret=secret, algorithm="sha256").hexdigest()


class TeamQuerySet(models.QuerySet):
    def of_user(self, user):
        return self.filter(memberships__user=user).order_by("name")


class Team(models.Model):
    """A business: the people, templates and campaigns that share one ChumiAI account."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True, help_text=_("Part of the address: /t/…/"))
    default_region = models.CharField(
        _("country of local numbers"),
        max_length=2,
        default="GH",
        help_text=_("Two letters, such as GH. Numbers without a country code belong to it."),
    )
    confirm_above = models.PositiveIntegerField(
        default=50,
        help_text=_("To launch to more people than this, a person must type the number."),
    )
    batch_size = models.PositiveIntegerField(
        default=500,
        validators=[MinValueValidator(10), MaxValueValidator(10_000)],
        help_text=_("People in one batch. Pause and stop take effect between batches."),
    )
    open_jobs = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("Batches of a campaign that ChumiAI may process at the same time."),
    )
    singly_up_to = models.PositiveIntegerField(
        _("send one by one up to"),
        default=250,
        help_text=_(
            "Campaigns to at most this many people are sent one by one, unless the person who "
            "launches chooses otherwise."
        ),
    )
    messages_per_second = models.FloatField(
        default=5,
        validators=[MinValueValidator(0.1), MaxValueValidator(200)],
        help_text=_("The pace of campaigns that are sent one by one."),
    )
    parallel_sends = models.PositiveSmallIntegerField(
        default=4,
        validators=[MinValueValidator(1), MaxValueValidator(32)],
        help_text=_("Messages that may be in progress at the same time."),
    )
    pause_at_failures = models.PositiveSmallIntegerField(
        _("pause at this share of failures"),
        default=25,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("In per cent of the last 50 messages. The campaign then waits for a person."),
    )
    marketing_messages = models.PositiveSmallIntegerField(
        _("marketing messages to a person"),
        default=1,
        help_text=_(
            "The frequency limit: at most this many in the hours below, over all campaigns. "
            "People at the limit are skipped. 0: no limit."
        ),
    )
    marketing_hours = models.PositiveSmallIntegerField(
        _("hours in which they are counted"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 31)],
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    def __str__(self):
        return self.name


class Role(models.TextChoices):
    VIEWER = "viewer", _("Viewer")
    MARKETER = "marketer", _("Marketer")
    MANAGER = "manager", _("Manager")


class Membership(models.Model):
    """A person's role in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MARKETER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_a_team"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="known_role"),
        ]

    def __str__(self):
        return f"{self.user} in {self.team}"


class Connection(models.Model):
    """The connection of a team to ChumiAI: base URL and encrypted key."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="connection")
    base_url = models.CharField(max_length=200)
    key_ciphertext = models.TextField(blank=True, editable=False)
    key_last4 = models.CharField(max_length=4, blank=True, editable=False)
    # Equal for equal keys and says nothing else about them.
    key_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    # {"templates:read": "granted" | "missing" | "untested", …}, from tests and from use.
    scopes = models.JSONField(default=dict, editable=False)
    # Why ChumiAI refuses every call, '' when it doesn't; and ChumiAI's own words.
    problem = SentenceField(blank=True, editable=False)
    problem_said = models.CharField(max_length=200, blank=True, editable=False)
    # The answers to the last test (see `access`).
    checks = models.JSONField(default=list, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self):
        return f"Connection of {self.team}"

    @property
    def has_key(self):
        return bool(self.key_ciphertext)

    @property
    def is_sandbox(self):
        return self.base_url in settings.CHUMIAI_SANDBOX_URLS

    @property
    def problem_sentence(self):
        """Why ChumiAI refuses every call, in the language of the page, or ''."""
        return formats.sentence(self.problem) if self.problem else ""

    @property
    def is_proven(self):
        """Return True if ChumiAI has accepted the key for something."""
        return "granted" in self.scopes.values()

    def set_key(self, key: str) -> None:
        """Encrypt `key`, bound to this team: it does not decrypt on the row of another team."""
        self.key_ciphertext = crypto.encrypt(key, bound_to=f"team:{self.team_id}")
        self.key_last4 = key[-4:]
        self.key_fingerprint = crypto.fingerprint(key)

    def key(self) -> str:
        """Return the decrypted key. Raise `crypto.CannotDecrypt`."""
        return crypto.decrypt(self.key_ciphertext, bound_to=f"team:{self.team_id}")


class AuditEvent(models.Model):
    """Who did what, and when. Written by services, never changed."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    # None: about a person of no team.
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="audit_events")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # The address of `user` at that time: an account may change hands.
    user_email = models.EmailField(blank=True)
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=50)
    subject = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["team", "-at"], name="audit_by_team")]

    def __str__(self):
        return f"{self.action} {self.subject}"
