"""Drafts, step by step: /t/<team>/campaigns/…

The map of the project joins these with those of `sending` under one name, `campaigns`.
"""

from django.urls import path

from campaigns.views import check, draft, file, group, media, number, template, values

urlpatterns = [
    path("new/", draft.campaign_new, name="campaign_new"),
    path("message/new/", draft.message_new, name="message_new"),
    path("<uuid:uuid>/template/", template.campaign_template, name="campaign_template"),
    path("<uuid:uuid>/file/", file.campaign_file, name="campaign_file"),
    path("<uuid:uuid>/audience/", file.campaign_audience, name="campaign_audience"),
    path("<uuid:uuid>/group/", group.campaign_group, name="campaign_group"),
    path("<uuid:uuid>/header/", file.campaign_header, name="campaign_header"),
    path("<uuid:uuid>/sample.xlsx", file.campaign_sample, name="campaign_sample"),
    path("<uuid:uuid>/values/", values.campaign_values, name="campaign_values"),
    path("<uuid:uuid>/number/", number.campaign_number, name="campaign_number"),
    path("<uuid:uuid>/number/check/", number.campaign_number_check, name="campaign_number_check"),
    path("<uuid:uuid>/media/", media.campaign_media, name="campaign_media"),
    path("<uuid:uuid>/media/state/", media.campaign_media_state, name="campaign_media_state"),
    path("<uuid:uuid>/check/", check.campaign_check, name="campaign_check"),
    path("<uuid:uuid>/check/result/", check.campaign_result, name="campaign_result"),
    path("<uuid:uuid>/rows/<slug:outcome>.csv", check.campaign_rows, name="campaign_rows"),
    path("<uuid:uuid>/rename/", draft.campaign_rename, name="campaign_rename"),
    path("<uuid:uuid>/delete/", draft.campaign_delete, name="campaign_delete"),
]
