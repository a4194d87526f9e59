import time

from django.conf import settings
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from posts.models import Post
from posts.serializers import PostIdsSerializer, PostSerializer


class Health(APIView):
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class Noop(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


class Cpu(APIView):
    renderer_classes = (JSONRenderer,)  # orjson refuses integers of more than 64 bits

    def get(self, request: Request) -> Response:
        ct = 0
        for i in range(settings.CPU_ITERATIONS):
            ct += i * i
        return Response({"ct": ct})


class CreatePost(APIView):
    def post(self, request: Request) -> Response:
        serializer = PostSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        now = timezone.now()
        serializer.save(created_at=now, updated_at=now)
        return Response(serializer.data)


class ReadPosts(APIView):
    def get(self, request: Request) -> Response:
        posts = PostSerializer(Post.objects.order_by("id")[:25], many=True)
        return Response({"ct": Post.objects.count(), "posts": posts.data})


class ReadEachPost(APIView):
    def get(self, request: Request) -> Response:
        asked = PostIdsSerializer(data={"ids": request.query_params.get("ids", "").split(",")})
        asked.is_valid(raise_exception=True)
        found = [Post.objects.filter(pk=pk).first() for pk in asked.validated_data["ids"]]
        return Response({"posts": [post and PostSerializer(post).data for post in found]})


class Wait(APIView):
    def get(self, request: Request) -> Response:
        time.sleep(settings.WAIT_MS / 1000)
        return Response({"waited_ms": settings.WAIT_MS})
