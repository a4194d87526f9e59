from django.shortcuts import aget_object_or_404
from ninja import ModelSchema, NinjaAPI, Schema
from ninja.security import HttpBearer

from notes.models import ApiKey, Note


class KeyInHeader(HttpBearer):
    def authenticate(self, request, token):
        return ApiKey.objects.filter(key=token).first()


class AsyncKeyInHeader(HttpBearer):
    async def authenticate(self, request, token):
        return await ApiKey.objects.filter(key=token).afirst()


class NoteOut(ModelSchema):
    class Meta:
        model = Note
        fields = ["id", "text", "done"]


class Summary(Schema):
    open: int
    done: int


api = NinjaAPI(title="Notes")


@api.get("/notes", response=list[NoteOut], auth=KeyInHeader())
async def my_notes(request):
    return [note async for note in Note.objects.filter(owner=request.auth.owner)]


@api.get("/notes/{pk}", response=NoteOut, auth=AsyncKeyInHeader())
async def my_note(request, pk: int):
    return await aget_object_or_404(Note, pk=pk, owner=request.auth.owner)


@api.get("/summary", response=Summary)
def summary(request):
    notes = Note.objects.all()
    done = notes.filter(done=True).count()
    return {"open": notes.count() - done, "done": done}


@api.get("/version")
async def version(request):
    return {"version": "1.0"}
