"""A clinic's API as Django REST framework serves it, with each of its kinds of paging."""

import datetime
import sys

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use to anybody",
    TIME_ZONE="UTC",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402

VISITS = 7


class Visit(models.Model):
    name = models.CharField(max_length=80)
    phone = models.CharField(max_length=20)
    starts_at = models.DateTimeField()

    class Meta:
        app_label = "clinic"


class VisitSerializer(serializers.ModelSerializer):
    class Meta:
        model = Visit
        fields = ["id", "name", "phone", "starts_at"]


class Numbered(pagination.PageNumberPagination):
    page_size = 3


class Offset(pagination.LimitOffsetPagination):
    default_limit = 3


class Cursor(pagination.CursorPagination):
    page_size = 3
    ordering = "id"


def listed(paging):
    class View(generics.ListAPIView):
        queryset = Visit.objects.order_by("id")
        serializer_class = VisitSerializer
        pagination_class = paging

    return View.as_view()


urlpatterns = [
    path("visits/page", listed(Numbered)),
    path("visits/offset", listed(Offset)),
    path("visits/cursor", listed(Cursor)),
    path("visits/all", listed(None)),
]

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Visit)
    first = datetime.datetime(2026, 11, 25, 15, 0, tzinfo=datetime.timezone.utc)
    for number in range(VISITS):
        Visit.objects.create(
            name=f"Visitor {number}",
            phone=f"+120255501{number:02}",
            starts_at=first + datetime.timedelta(minutes=30 * number),
        )
    call_command("runserver", f"127.0.0.1:{sys.argv[1]}", use_reloader=False, skip_checks=True)
