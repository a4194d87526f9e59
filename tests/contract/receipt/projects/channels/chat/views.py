from django.http import JsonResponse

from chat.models import Message


async def rooms(request):
    found = Message.objects.values_list("room", flat=True).distinct().order_by("room")
    return JsonResponse({"rooms": [room async for room in found]})
