from django.urls import path

from contacts import views

app_name = "contacts"
urlpatterns = [
    path("", views.opt_out_list, name="opt_out_list"),
    path("add/", views.opt_out_add, name="opt_out_add"),
    path("import/", views.opt_out_import, name="opt_out_import"),
    path("export/", views.opt_out_export, name="opt_out_export"),
    path("<uuid:uuid>/", views.opt_out_detail, name="opt_out_detail"),
    path("<uuid:uuid>/lift/", views.opt_out_lift, name="opt_out_lift"),
]
