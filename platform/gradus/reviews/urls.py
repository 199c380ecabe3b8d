from django.urls import path

from gradus.reviews import views

app_name = "reviews"
urlpatterns = [
    path("", views.review_list, name="queue"),
    path("<int:pk>/", views.review_show, name="review"),
]
