from django.urls import path

from teams import views

app_name = "teams"
urlpatterns = [
    path("connection/", views.connection, name="connection"),
    path("connection/test/", views.connection_test, name="connection_test"),
]
