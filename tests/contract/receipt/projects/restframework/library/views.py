from rest_framework.viewsets import ReadOnlyModelViewSet

from library.models import Book
from library.serializers import BookSerializer


class BookViewSet(ReadOnlyModelViewSet):
    queryset = Book.objects.select_related("author")
    serializer_class = BookSerializer
