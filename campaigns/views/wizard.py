"""The wizard: a draft, step by step, to its launch. The Campaign row holds all of it."""

import uuid
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from campaigns import downloads, engines, fates, review, steps
from campaigns.check_process import SAMPLE_CELLS
from campaigns.forms import (
    GroupSearch,
    HeaderForm,
    LaunchForm,
    LeaveOutForm,
    LinkForm,
    MappingForm,
    MediaIdForm,
    NameForm,
    NewCampaignForm,
    NumberForm,
    TemplateSearch,
    TestSendForm,
    UploadForm,
)
from campaigns.media import MB
from campaigns.models import Campaign, Recipient
from campaigns.recipients import Outcome
from campaigns.samples import phone_of_first, values_of_first
from campaigns.services import checks, drafts, groups, launches, test_sends
from campaigns.services import media as header_media
from contacts.models import Contact, ContactGroup, ContactSync
from core.errors import Refused
from core.safe_csv import safe_csv
from message_templates import components
from message_templates.models import MessageTemplate
from tasks import services as tasks
from teams.roles import requires

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The page shows so many templates; the search finds the others.
TEMPLATES_SHOWN = 60
ROWS_SHOWN = 10
# The page shows so many groups; the search finds the others.
GROUPS_SHOWN = 60


def draft_page(view):
    """Give the view the campaign; send everyone to its own page once it was launched."""

    @wraps(view)
    def with_campaign(request, uuid, **kwargs):
        campaign = _campaign(request, uuid)
        if campaign.is_editable:
            return view(request, campaign, **kwargs)
        if request.method == "POST":
            messages.error(request, drafts.TOO_LATE)
        return _go(request, steps.url_of(campaign, "detail"))

    return with_campaign


def step_page(step):
    """Give the view the campaign; send a person back to the step that is still open."""

    def decorate(view):
        @draft_page
        @wraps(view)
        def opened(request, campaign, **kwargs):
            if steps.can_open(campaign, step):
                return view(request, campaign, **kwargs)
            return _go(request, steps.url_of(campaign, steps.open_step(campaign)))

        return opened

    return decorate


# Template


@require_http_methods(["GET", "POST"])
@requires("prepare")
def campaign_new(request):
    """Make a draft, with its template where one was chosen."""
    chosen, group = _chosen(request), _wanted_group(request)
    form = NewCampaignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            campaign = drafts.create_campaign(
                request.team, by=request.user, name=form.cleaned_data["name"], template=chosen
            )
            if group:
                groups.choose_group(campaign, group, by=request.user)
                campaign = _campaign(request, campaign.uuid)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            following = steps.after(campaign, "template") if chosen else "template"
            return redirect(steps.url_of(campaign, following))
    context = {
        "form": form,
        "steps": steps.first_bar(),
        "group": group,
        **_gallery(request, chosen),
    }
    return render(request, "campaigns/campaign_new.html", context)


@require_http_methods(["GET", "POST"])
@requires("prepare")
def message_new(request):
    """Begin a message to one number, that of a contact where one is named."""
    chosen, contact = _chosen(request), _contact(request)
    to_one = Campaign.Audience.NUMBER
    if request.method == "POST":
        try:
            campaign = drafts.create_campaign(
                request.team,
                by=request.user,
                template=chosen,
                audience=to_one,
                phone=contact.phone if contact else "",
            )
        except Refused as error:
            messages.error(request, str(error))
        else:
            return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    context = {
        "contact": contact,
        "steps": steps.first_bar(to_one),
        **_gallery(request, chosen),
    }
    return render(request, "campaigns/message_new.html", context)


def _contact(request):
    """Return the contact whom the address names, or None."""
    try:
        wanted = uuid.UUID(request.GET.get("contact", ""))
    except ValueError:
        return None
    current = ContactSync.objects.current(request.team)
    return get_object_or_404(Contact.objects.exclude(phone=""), sync=current, uuid=wanted)


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("template")
def campaign_template(request, campaign):
    """Choose the template."""
    if request.method == "POST":
        chosen = _chosen(request)
        try:
            if chosen is None:
                raise Refused("Choose a template first.")
            drafts.choose_template(campaign, chosen, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        else:
            return redirect(steps.url_of(campaign, steps.after(campaign, "template")))
    return _step(request, campaign, "template", **_gallery(request, campaign.template))


def _chosen(request):
    """Return the team's template that the request names, or None."""
    return _named(request, "template", MessageTemplate.objects.for_team(request.team))


def _wanted_group(request):
    """Return the team's group that the request names, or None."""
    groups_now = ContactGroup.objects.current(request.team).select_related("sync")
    return _named(request, "group", groups_now)


def _named(request, word, queryset):
    text = request.POST.get(word, request.GET.get(word, ""))
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        return None
    return get_object_or_404(queryset, uuid=wanted)


def _gallery(request, chosen):
    """Return the templates to choose from, the chosen one first, and those that can't be sent."""
    search = TemplateSearch(request.GET)
    ours = search.filter(MessageTemplate.objects.for_team(request.team))
    found = [t for t in ours.sendable()[: TEMPLATES_SHOWN + 1] if t != chosen]
    if chosen and chosen.is_sendable:
        found.insert(0, chosen)
    return {
        "search": search,
        "chosen": chosen,
        "templates": [
            (t, components.format_whatsapp(t.content.body)) for t in found[:TEMPLATES_SHOWN]
        ],
        "has_more": len(found) > TEMPLATES_SHOWN,
        "unsendable": ours.unsendable()[:TEMPLATES_SHOWN],
    }


# File


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("file")
def campaign_file(request, campaign):
    """Upload the file, and look at its first rows."""
    form = UploadForm()
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                drafts.attach_upload(campaign, file, name=file.name, by=request.user)
            except Refused as error:
                form.add_error("file", str(error))
            else:
                return redirect(steps.url_of(campaign, "file"))
    upload = getattr(campaign, "upload", None)
    return _step(
        request,
        campaign,
        "file",
        form=form,
        upload=upload,
        rows=_padded(upload.sample[:ROWS_SHOWN], upload.columns) if upload else [],
        header_form=upload and HeaderForm(initial={"has_header": upload.has_header}),
        max_bytes=settings.MAX_UPLOAD_BYTES,
        max_rows=settings.MAX_ROWS,
        body_html=components.format_whatsapp(campaign.template.content.body),
    )


@require_POST
@requires("prepare")
@draft_page
def campaign_audience(request, campaign):
    """Say whether the people come from a file or from a group."""
    try:
        groups.choose_audience(campaign, request.POST.get("audience", ""), by=request.user)
    except Refused as error:
        messages.error(request, str(error))
    campaign = _campaign(request, campaign.uuid)
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


# Group


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("group")
def campaign_group(request, campaign):
    """Choose the group, and who finds its members: we or ChumiAI."""
    if request.method == "POST":
        try:
            if way := request.POST.get("way"):
                groups.choose_way(campaign, way, by=request.user)
                return redirect(steps.url_of(campaign, "values"))
            group = _wanted_group(request)
            if group is None:
                raise Refused("Choose a group first.")
            groups.choose_group(campaign, group, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "group"))
    search = GroupSearch(request.GET)
    current = ContactSync.objects.current(request.team)
    found = ContactGroup.objects.filter(sync=current).order_by("name", "id")
    listed = list(search.filter(found)[: GROUPS_SHOWN + 1])
    choice = getattr(campaign, "group", None)
    now = groups.current_group(campaign) if choice else None
    return _step(
        request,
        campaign,
        "group",
        choice=choice,
        now=now,
        offers=groups.ways(campaign, now, campaign.mapping) if now else [],
        search=search,
        groups=listed[:GROUPS_SHOWN],
        has_more=len(listed) > GROUPS_SHOWN,
        was_read=current is not None,
        body_html=components.format_whatsapp(campaign.template.content.body),
    )


def _padded(rows, columns):
    """Give every row [number, …, cells] as many cells as there are columns."""
    return [
        [*others, cells[: len(columns)] + [""] * (len(columns) - len(cells))]
        for *others, cells in rows
    ]


@require_POST
@requires("prepare")
@step_page("values")
def campaign_header(request, campaign):
    """Say whether the first row names the columns."""
    form = HeaderForm(request.POST)
    if form.is_valid():
        try:
            drafts.set_header(campaign, form.cleaned_data["has_header"], by=request.user)
        except Refused as error:
            messages.error(request, str(error))
    return redirect(steps.url_of(campaign, "file"))


@require_safe
@requires("prepare")
@draft_page
def campaign_sample(request, campaign):
    """Download a small file with the columns that the template needs."""
    name = f"{slugify(campaign.template.name) if campaign.template else 'campaign'}-sample.xlsx"
    return _attachment(
        HttpResponse(downloads.sample_file(campaign.template), content_type=XLSX), name
    )


# Columns


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("values")
def campaign_values(request, campaign):
    """Say where the phone and the values come from. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = MappingForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        try:
            drafts.set_mapping(campaign, form.mapping(), by=request.user)
            if then == "check" and steps.after(campaign, "values") == "check":
                checks.request_check(campaign, by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            if then == "leave":
                return redirect("campaigns:campaign_list", team=request.team.slug)
            if not request.htmx:
                following = steps.after(campaign, "values") if then == "check" else "values"
                return redirect(steps.url_of(campaign, following))
            form = MappingForm(campaign=campaign)
    samples = values_of_first(campaign)
    upload = getattr(campaign, "upload", None)
    return _step(
        request,
        campaign,
        "values",
        form=form,
        rows=[(row, samples.get(row["name"], "")) for row in form.rows()],
        phone_sample=phone_of_first(campaign),
        sample_row=upload.sample[0][0] if upload and upload.sample else None,
        body_html=components.format_whatsapp(campaign.template.content.body, samples),
    )


# One number


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("number")
def campaign_number(request, campaign):
    """Type the number and its values. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = NumberForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        try:
            drafts.set_mapping(campaign, form.mapping(), by=request.user)
            if then == "check":
                form.check(checks.verdict_on_number(campaign))
            if then == "check" and form.is_valid() and not header_media.what_is_missing(campaign):
                checks.check_number(campaign, by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        if form.is_valid() and then == "leave":
            return redirect("campaigns:campaign_list", team=request.team.slug)
        if form.is_valid() and not request.htmx:
            following = steps.after(campaign, "number") if then == "check" else "number"
            return redirect(steps.url_of(campaign, following))
    return _step(
        request,
        campaign,
        "number",
        form=form,
        rows=form.rows(),
        body_html=components.format_whatsapp(
            campaign.template.content.body, values_of_first(campaign)
        ),
    )


@require_POST
@requires("prepare")
@step_page("number")
def campaign_number_check(request, campaign):
    """Check what was typed before; where it is refused, the page of the number says why."""
    try:
        checks.check_number(campaign, by=request.user)
    except Refused as error:
        messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "number"))
    return redirect(steps.url_of(campaign, "review"))


# Picture, video or document


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("media")
def campaign_media(request, campaign):
    """Give the picture, video or document that stands above the message."""
    form = None
    if request.method == "POST":
        sent = MediaIdForm if "media_id" in request.POST else LinkForm
        form = sent(request.POST, campaign=campaign)
        if form.is_valid():
            try:
                header_media.set_media(campaign, **form.cleaned_data, by=request.user)
            except Refused as error:
                form.add_error(None, str(error))
            else:
                return redirect(steps.url_of(campaign, "media"))
    return render(request, "campaigns/campaign_media.html", _media_context(campaign, form))


@require_safe
@requires("prepare")
@step_page("media")
def campaign_media_state(request, campaign):
    """Show how the look at the link went: the live region of its page."""
    context = _media_context(campaign)
    return render(request, "campaigns/campaign_media.html#media_state", context)


def _media_context(campaign, form=None):
    media, kind = getattr(campaign, "header_media", None), header_media.kind_of(campaign)
    return {
        "campaign": campaign,
        "steps": steps.bar(campaign, "media"),
        "form": form,
        "link_form": form if isinstance(form, LinkForm) else LinkForm(campaign=campaign),
        "id_form": form if isinstance(form, MediaIdForm) else MediaIdForm(campaign=campaign),
        "kind": kind,
        "max_mb": kind.max_bytes // MB,
        "media": media,
        "missing": header_media.what_is_missing(campaign),
        "is_checked": hasattr(campaign, "check_result"),
        "worker_is_off": bool(media and media.is_open and not tasks.worker_is_alive()),
        "body_html": components.format_whatsapp(
            campaign.template.content.body, values_of_first(campaign)
        ),
    }


# Check


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("check")
def campaign_check(request, campaign):
    """Show what the check found, or ask for another one."""
    if request.method == "POST":
        try:
            if "leave_out" in request.POST:
                form = LeaveOutForm(request.POST, campaign=campaign)
                if not form.is_valid():
                    raise Refused("Choose one of the campaigns of the list. Nothing was changed.")
                drafts.set_leave_out(campaign, form.cleaned_data["leave_out"], by=request.user)
            checks.request_check(campaign, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "check"))
    template = "campaigns/campaign_check.html"
    if request.htmx and not request.htmx.boosted:
        template += "#result"
    return render(request, template, _check_context(request, campaign))


@require_safe
@requires("prepare")
@step_page("check")
def campaign_result(request, campaign):
    """Show what the check has found so far: the live region of its page."""
    return render(
        request, "campaigns/campaign_check.html#result", _check_context(request, campaign)
    )


# The outcomes in the order of the tiles: the tone, the word, what it means.
OUTCOMES = {
    Outcome.READY: ("ok", "Ready", "as they stand in the file"),
    Outcome.REPAIRED: ("ok", "Repaired", "and ready, too"),
    Outcome.DUPLICATE: ("warn", "Duplicate", "the first one is kept"),
    Outcome.INVALID: ("bad", "Invalid", "can't be sent"),
    Outcome.OPTED_OUT: ("warn", "Opted out", "never written to"),
    Outcome.EXCLUDED: ("warn", "Left out", "got an earlier campaign"),
    Outcome.RECENT: ("warn", "Had enough", "of marketing messages lately"),
}
# These have a tile only where they say something.
SELDOM = (Outcome.EXCLUDED, Outcome.RECENT)
GROUP_NOTES = {Outcome.READY: "as ChumiAI has them"}
# Which rows are shown where nobody asked: those about which there is something to do.
WORTH_A_LOOK = (
    Outcome.INVALID,
    Outcome.DUPLICATE,
    Outcome.OPTED_OUT,
    Outcome.RECENT,
    Outcome.EXCLUDED,
    Outcome.REPAIRED,
    Outcome.READY,
)


def _check_context(request, campaign):
    check = getattr(campaign, "check_result", None)
    context = {"campaign": campaign, "steps": steps.bar(campaign, "check"), "check": check}
    if check is None or not check.is_open:
        context["leave_out_form"] = LeaveOutForm(campaign=campaign)
    if check is None or check.is_open:
        return context | {"worker_is_off": not tasks.worker_is_alive()}
    counts = {outcome: getattr(check, outcome) for outcome in OUTCOMES}
    is_group = campaign.audience == Campaign.Audience.GROUP
    asked = request.GET.get("rows")
    shown = (
        Outcome(asked)
        if asked in counts
        else next((outcome for outcome in WORTH_A_LOOK if counts[outcome]), Outcome.READY)
    )
    columns = downloads.columns_of(check)[:SAMPLE_CELLS]
    rows = [
        [*others, downloads.cells_of(check, cells)]
        for *others, cells in check.details.get("samples", {}).get(shown, [])
    ]
    return context | {
        "tiles": [
            {
                "outcome": outcome.value,
                "count": counts[outcome],
                "tone": tone,
                "label": label,
                "note": GROUP_NOTES.get(outcome, note) if is_group else note,
                "is_open": outcome == shown,
            }
            for outcome, (tone, label, note) in OUTCOMES.items()
            if counts[outcome] or outcome not in SELDOM
        ],
        "shown": shown.value,
        "shown_label": OUTCOMES[shown][1],
        "shown_count": counts[shown],
        "rows": _padded(rows, columns),
        "columns": columns,
        "notes": sorted(check.details.get("notes", {}).items(), key=lambda note: -note[1]),
    }


@require_safe
@requires("prepare")
@step_page("check")
def campaign_rows(request, campaign, outcome):
    """Download all rows of one outcome, numbered as in the person's own file."""
    check = getattr(campaign, "check_result", None)
    if outcome not in OUTCOMES or check is None or not downloads.has_report(check):
        raise Http404
    rows = downloads.rows_of(check, outcome)
    response = StreamingHttpResponse(safe_csv(rows), content_type="text/csv; charset=utf-8")
    return _attachment(response, f"{slugify(campaign.name) or 'campaign'}-{outcome}.csv")


# Preview


@require_safe
@requires("prepare")
@step_page("preview")
def campaign_preview(request, campaign):
    """Show the message as one recipient's phone will."""
    position = _position(request, campaign)
    recipient = _recipient(campaign, position)
    return _step(
        request,
        campaign,
        "preview",
        recipient=recipient,
        previous=position - 1,
        next=position + 1 if position < campaign.recipient_count else None,
        goes_through_group=campaign.goes_through_group,
        values=[(f"{{{{{name}}}}}", v) for name, v in _values(campaign, recipient).items()],
        body_html=_message(campaign, recipient),
        length=len(_text(campaign, recipient)),
        test_form=TestSendForm(
            team=campaign.team,
            initial={"intent": uuid.uuid4(), "digest": campaign.digest, "position": position},
        ),
        **_tests_context(campaign),
    )


def _position(request, campaign):
    """Return which recipient is asked for, within the bounds."""
    if request.GET.get("show") == "longest":
        longest = campaign.check_result.details.get("longest") or {}
        found = campaign.recipients.filter(row_number=longest.get("row", 0))
        return found.values_list("position", flat=True).first() or 1
    try:
        asked = int(request.GET.get("position", "")[:9])
    except ValueError:
        asked = 1
    return min(max(asked, 1), campaign.recipient_count)


def _recipient(campaign, position):
    """Return the person at the position; through ChumiAI's group, anybody stands for all."""
    if campaign.goes_through_group:
        values = campaign.check_result.details.get("values", [])
        return Recipient(campaign=campaign, position=position, values=values)
    return get_object_or_404(Recipient, campaign=campaign, position=position)


def _message(campaign, recipient):
    return components.format_whatsapp(campaign.template.content.body, _values(campaign, recipient))


def _text(campaign, recipient):
    return components.render(campaign.template.content.body, _values(campaign, recipient))


def _values(campaign, recipient):
    return dict(zip(campaign.template.placeholders, recipient.values, strict=False))


@require_safe
@requires("prepare")
@step_page("preview")
def campaign_tests(request, campaign):
    """Show what became of the tests: the live region of the preview."""
    context = {"campaign": campaign, **_tests_context(campaign)}
    return render(request, "campaigns/campaign_preview.html#tests", context)


def _tests_context(campaign):
    tests = fates.tests_of(campaign)
    is_open = any(test.is_open for test in tests)
    return {
        "tests": tests,
        "tests_are_open": is_open,
        "worker_is_off": is_open and not tasks.worker_is_alive(),
    }


@require_POST
@requires("test")
@step_page("preview")
def campaign_test(request, campaign):
    """Send the row that is shown to test numbers."""
    form = TestSendForm(request.POST, team=campaign.team)
    back = steps.url_of(campaign, "preview")
    if not form.is_valid():
        told = form.errors.get("numbers") or ["This page was out of date."]
        messages.error(request, f"{told[0]} Nothing was sent.")
        return redirect(back)
    asked = form.cleaned_data
    position = asked.pop("position")
    person = _recipient(campaign, position)
    try:
        test_sends.send_tests(campaign, person, by=request.user, **asked)
    except launches.AlreadyLaunched as error:
        messages.info(request, str(error))
    except Refused as error:
        messages.error(request, str(error))
    return redirect(f"{back}?position={position}#campaign-tests")


# Review and launch


@require_safe
@requires("prepare")
@step_page("review")
def campaign_review(request, campaign):
    """Say exactly what will happen."""
    return _review(request, campaign)


@require_POST
@requires("launch")
def campaign_launch(request, uuid):
    """Launch, once, however often it is pressed."""
    campaign = _campaign(request, uuid)
    form = LaunchForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This page was out of date. Nothing was sent. Look again.")
        return redirect(steps.url_of(campaign, "review"))
    try:
        launches.launch(campaign, by=request.user, **form.cleaned_data)
    except launches.AlreadyLaunched as error:
        messages.info(request, str(error))
    except Refused as error:
        return _refused(request, uuid, error)
    return redirect(steps.url_of(campaign, "detail"))


def _refused(request, uuid, error):
    """Show the review with the sentence, and with what is true by now."""
    campaign = _campaign(request, uuid)
    if steps.open_step(campaign) != "review":
        messages.error(request, str(error))
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    return _review(request, campaign, error=error)


def _review(request, campaign, error=None):
    points = review.points(campaign)
    first = _recipient(campaign, 1)
    offers = engines.offers(campaign)
    return _step(
        request,
        campaign,
        "review",
        form=_launch_form(request, campaign, error),
        refused=str(error or ""),
        points=[(p, steps.url_of(campaign, p.step) if p.step else "") for p in points],
        in_the_way=[point for point in points if point.tone == "bad"],
        offers=offers,
        chosen=request.POST.get("engine") or offers[0].engine,
        looks_repeated=review.looks_repeated(campaign),
        consent=launches.consent_sentence(campaign),
        asks_number=launches.needs_number(campaign),
        person=first,
        body_html=_message(campaign, first),
    )


def _launch_form(request, campaign, error):
    """Return the form for what is shown now; what is missing is said beside its field."""
    now = {"intent": uuid.uuid4(), "digest": campaign.digest}
    if not isinstance(error, (launches.WrongNumber, launches.NoConsent)):
        return LaunchForm(initial=now)
    given = {name: request.POST.get(name, "") for name in ("typed", "consent")}
    form = LaunchForm(now | given)
    if isinstance(error, launches.WrongNumber):
        form.add_error("typed", f"Type {campaign.recipient_count}.")
    else:
        form.add_error("consent", "Tick the box, if it is so.")
    return form


# The draft as a whole


@require_POST
@requires("prepare")
@draft_page
def campaign_rename(request, campaign):
    """Give the draft another name."""
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            drafts.rename(campaign, form.cleaned_data["name"], by=request.user)
        except Refused as error:
            messages.error(request, str(error))
    else:
        messages.error(request, "The name was not changed: give it 1 to 120 characters.")
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


@require_POST
@requires("prepare")
@draft_page
def campaign_delete(request, campaign):
    """Delete a draft."""
    try:
        drafts.delete_draft(campaign, by=request.user)
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The draft “{campaign.name}” was deleted.")
    return redirect("campaigns:campaign_list", team=request.team.slug)


def _campaign(request, uuid):
    found = Campaign.objects.for_team(request.team).with_parts()
    return get_object_or_404(found, uuid=uuid)


def _step(request, campaign, step, **context):
    context |= {
        "campaign": campaign,
        "steps": steps.bar(campaign, step),
        "media": getattr(campaign, "header_media", None),
    }
    return render(request, f"campaigns/campaign_{step}.html", context)


def _go(request, url):
    """Redirect the whole page, from inside a fragment, too."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _attachment(response, name):
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
