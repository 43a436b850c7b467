"""Campaigns and jobs: /t/<team>/campaigns/…"""

from django.urls import path

from campaigns.views import campaign_list, jobs, progress, recipients, test_numbers, wizard

app_name = "campaigns"
urlpatterns = [
    path("", campaign_list.campaign_list, name="campaign_list"),
    # A draft, step by step
    path("new/", wizard.campaign_new, name="campaign_new"),
    path("message/new/", wizard.message_new, name="message_new"),
    path("<uuid:uuid>/template/", wizard.campaign_template, name="campaign_template"),
    path("<uuid:uuid>/file/", wizard.campaign_file, name="campaign_file"),
    path("<uuid:uuid>/audience/", wizard.campaign_audience, name="campaign_audience"),
    path("<uuid:uuid>/group/", wizard.campaign_group, name="campaign_group"),
    path("<uuid:uuid>/header/", wizard.campaign_header, name="campaign_header"),
    path("<uuid:uuid>/sample.xlsx", wizard.campaign_sample, name="campaign_sample"),
    path("<uuid:uuid>/values/", wizard.campaign_values, name="campaign_values"),
    path("<uuid:uuid>/number/", wizard.campaign_number, name="campaign_number"),
    path("<uuid:uuid>/number/check/", wizard.campaign_number_check, name="campaign_number_check"),
    path("<uuid:uuid>/media/", wizard.campaign_media, name="campaign_media"),
    path("<uuid:uuid>/media/state/", wizard.campaign_media_state, name="campaign_media_state"),
    path("<uuid:uuid>/check/", wizard.campaign_check, name="campaign_check"),
    path("<uuid:uuid>/check/result/", wizard.campaign_result, name="campaign_result"),
    path("<uuid:uuid>/rows/<slug:outcome>.csv", wizard.campaign_rows, name="campaign_rows"),
    path("<uuid:uuid>/preview/", wizard.campaign_preview, name="campaign_preview"),
    path("<uuid:uuid>/test/", wizard.campaign_test, name="campaign_test"),
    path("<uuid:uuid>/tests/", wizard.campaign_tests, name="campaign_tests"),
    path("<uuid:uuid>/review/", wizard.campaign_review, name="campaign_review"),
    path("<uuid:uuid>/launch/", wizard.campaign_launch, name="campaign_launch"),
    path("<uuid:uuid>/rename/", wizard.campaign_rename, name="campaign_rename"),
    path("<uuid:uuid>/delete/", wizard.campaign_delete, name="campaign_delete"),
    # Phones of the team's own
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
    path("<uuid:uuid>/pause/", progress.campaign_pause, name="campaign_pause"),
    path("<uuid:uuid>/resume/", progress.campaign_resume, name="campaign_resume"),
    path("<uuid:uuid>/stop/", progress.campaign_stop, name="campaign_stop"),
    path("<uuid:uuid>/recipients/", recipients.campaign_recipients, name="campaign_recipients"),
    path(
        "<uuid:uuid>/recipients.csv",
        recipients.campaign_recipients_export,
        name="campaign_recipients_export",
    ),
    path("<uuid:uuid>/decide/", progress.campaign_decide, name="campaign_decide"),
    path("<uuid:uuid>/retry/", progress.campaign_retry, name="campaign_retry"),
    path("parts/<uuid:uuid>/decide/", progress.batch_decide, name="batch_decide"),
    path("parts/<uuid:uuid>/retry/", progress.batch_retry, name="batch_retry"),
    # Jobs
    path("jobs/", jobs.job_list, name="job_list"),
    path("jobs/sync/", jobs.job_sync, name="job_sync"),
    path("jobs/refresh/", jobs.job_refresh, name="job_refresh"),
]
