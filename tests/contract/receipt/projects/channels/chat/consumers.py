import json

from channels.db import database_sync_to_async
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from chat.models import Message


@database_sync_to_async
def latest_messages():
    return list(Message.objects.order_by("-id").values("room", "author", "text")[:10])


@database_sync_to_async
def keep_message(room, author, text):
    Message.objects.create(room=room, author=author, text=text)


class LatestConsumer(AsyncHttpConsumer):
    async def handle(self, body):
        messages = await latest_messages()
        await self.send_response(
            200,
            json.dumps({"messages": messages}).encode(),
            headers=[(b"Content-Type", b"application/json")],
        )


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive_json(self, content):
        user = self.scope["user"]
        author = user.get_username() if user.is_authenticated else "guest"
        await keep_message(self.room, author, content["text"])
        message = {"type": "chat.message", "author": author, "text": content["text"]}
        await self.channel_layer.group_send(self.room, message)

    async def chat_message(self, event):
        await self.send_json({"author": event["author"], "text": event["text"]})
