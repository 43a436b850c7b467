from django.urls import path

from contacts.views import book, opt_outs, unreadable

app_name = "contacts"
urlpatterns = [
    path("contacts/", book.contact_list, name="contact_list"),
    path("contacts/sync/", book.contact_sync, name="contact_sync"),
    path("contacts/sync/start/", book.contact_sync_start, name="contact_sync_start"),
    path("contacts/groups/", book.group_list, name="group_list"),
    path("contacts/<uuid:uuid>/", book.contact_detail, name="contact_detail"),
    path("opt-outs/", opt_outs.opt_out_list, name="opt_out_list"),
    path("opt-outs/add/", opt_outs.opt_out_add, name="opt_out_add"),
    path("opt-outs/import/", opt_outs.opt_out_import, name="opt_out_import"),
    path("opt-outs/export/", opt_outs.opt_out_export, name="opt_out_export"),
    path("opt-outs/unreadable/<uuid:uuid>/add/", unreadable.add, name="unreadable_add"),
    path(
        "opt-outs/unreadable/<uuid:uuid>/dismiss/", unreadable.dismiss, name="unreadable_dismiss"
    ),
    path("opt-outs/<uuid:uuid>/", opt_outs.opt_out_detail, name="opt_out_detail"),
    path("opt-outs/<uuid:uuid>/lift/", opt_outs.opt_out_lift, name="opt_out_lift"),
]
