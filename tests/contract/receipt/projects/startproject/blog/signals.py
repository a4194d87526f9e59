from django.db.models import F
from django.dispatch import Signal, receiver

post_viewed = Signal()


@receiver(post_viewed)
def count_view(sender, post, **kwargs):
    sender.objects.filter(pk=post.pk).update(views=F("views") + 1)
