"""Home: /t/<team>/"""

from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.home, name="home"),
    path("running/", views.home_running, name="home_running"),
    path("results/<uuid:uuid>/", views.campaign_results, name="campaign_results"),
]
