from django.urls import path

from contacts import views

app_name = "contacts"
urlpatterns = [
    path("", views.opt_out_list, name="opt_out_list"),
    path("add/", views.opt_out_add, name="opt_out_add"),
]
