import asyncio
import json

from asgiref.sync import sync_to_async
from django.http import HttpResponseForbidden, JsonResponse, StreamingHttpResponse
from django.shortcuts import aget_object_or_404, render

from blog.models import Comment, Post
from blog.searching import find_posts
from blog.signals import post_viewed

PER_PAGE = 25


def index(request):
    return render(request, "blog/index.html", {"posts": Post.objects.all()[:PER_PAGE]})


async def about(request):
    return JsonResponse({"name": "mysite"})


async def posts(request):
    page = int(request.GET.get("page", 1))
    begin = (page - 1) * PER_PAGE
    count = await Post.objects.acount()
    titles = [post.title async for post in Post.objects.all()[begin : begin + PER_PAGE]]
    return JsonResponse({"count": count, "posts": titles})


async def post(request, pk):
    found = await aget_object_or_404(Post, pk=pk)
    await post_viewed.asend(sender=Post, post=found)
    return JsonResponse({"title": found.title, "body": found.body})


async def new_post(request):
    made = await Post.objects.acreate(
        title=request.POST["title"], body=request.POST.get("body", "")
    )
    return JsonResponse({"id": made.pk}, status=201)


async def dashboard(request):
    all_posts, all_comments, empty = await asyncio.gather(
        Post.objects.acount(),
        Comment.objects.acount(),
        Post.objects.filter(body="").acount(),
    )
    return JsonResponse({"posts": all_posts, "comments": all_comments, "empty": empty})


async def search(request):
    titles = await sync_to_async(find_posts)(request.GET.get("q", "").split())
    return JsonResponse({"posts": titles})


async def me(request):
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponseForbidden("Log in first.")
    return JsonResponse({"name": user.get_username()})


async def events(request):
    return StreamingHttpResponse(newest(), content_type="text/event-stream")


async def newest():
    """The number of posts, each second, until the browser goes away."""
    while True:
        count = await Post.objects.acount()
        yield f"data: {json.dumps({'posts': count})}\n\n"
        await asyncio.sleep(1)
