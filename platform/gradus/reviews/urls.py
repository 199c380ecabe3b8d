from django.urls import path

from gradus.reviews import calibration, views

app_name = "reviews"
urlpatterns = [
    path("", views.review_list, name="queue"),
    path("calibration/", calibration.calibration_list, name="calibrations"),
    path("calibration/<int:pk>/", calibration.calibration_show, name="calibration"),
    path("<int:pk>/", views.review_show, name="review"),
]
