"""From the preview on: tests, the launch, a launched campaign, jobs: /t/<team>/campaigns/…

The map of the project joins these with those of `campaigns` under one name, `campaigns`.
"""

from django.urls import path

from sending.views import (
    campaign_list,
    controls,
    jobs,
    preview,
    progress,
    recipients,
    review,
    test_numbers,
)

urlpatterns = [
    path("", campaign_list.campaign_list, name="campaign_list"),
    # The last steps of a draft
    path("<uuid:uuid>/preview/", preview.campaign_preview, name="campaign_preview"),
    path("<uuid:uuid>/test/", preview.campaign_test, name="campaign_test"),
    path("<uuid:uuid>/tests/", preview.campaign_tests, name="campaign_tests"),
    path("<uuid:uuid>/review/", review.campaign_review, name="campaign_review"),
    path("<uuid:uuid>/launch/", review.campaign_launch, name="campaign_launch"),
    # Test numbers
    path("test-numbers/", test_numbers.test_number_list, name="test_number_list"),
    path(
        "test-numbers/<uuid:uuid>/remove/",
        test_numbers.test_number_remove,
        name="test_number_remove",
    ),
    # A launched campaign
    path("<uuid:uuid>/", progress.campaign_detail, name="campaign_detail"),
    path("<uuid:uuid>/progress/", progress.campaign_progress, name="campaign_progress"),
    path("<uuid:uuid>/watch/", jobs.campaign_watch, name="campaign_watch"),
    path("<uuid:uuid>/pause/", controls.campaign_pause, name="campaign_pause"),
    path("<uuid:uuid>/resume/", controls.campaign_resume, name="campaign_resume"),
    path("<uuid:uuid>/stop/", controls.campaign_stop, name="campaign_stop"),
    path("<uuid:uuid>/recipients/", recipients.campaign_recipients, name="campaign_recipients"),
    path(
        "<uuid:uuid>/recipients.csv",
        recipients.campaign_recipients_export,
        name="campaign_recipients_export",
    ),
    path("<uuid:uuid>/decide/", controls.campaign_decide, name="campaign_decide"),
    path("<uuid:uuid>/retry/", controls.campaign_retry, name="campaign_retry"),
    path("batches/<uuid:uuid>/decide/", controls.batch_decide, name="batch_decide"),
    path("batches/<uuid:uuid>/retry/", controls.batch_retry, name="batch_retry"),
    # Jobs
    path("jobs/", jobs.job_list, name="job_list"),
    path("jobs/sync/", jobs.job_sync, name="job_sync"),
    path("jobs/refresh/", jobs.job_refresh, name="job_refresh"),
]
