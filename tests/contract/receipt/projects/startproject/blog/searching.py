from django.db.models import Q

from blog.models import Post


def find_posts(words):
    """Titles of the posts that have all the words."""
    found = Q()
    for word in words:
        found &= Q(title__icontains=word) | Q(body__icontains=word)
    return list(Post.objects.filter(found).values_list("title", flat=True)[:25])
