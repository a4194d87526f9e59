from typing import Any

from rest_framework import serializers

from posts.models import Post


def not_blank(value: str) -> None:
    if not value.strip():
        raise serializers.ValidationError("This field may not be blank.")


class TextField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, validators=[not_blank], **kwargs)


class PostSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    title = TextField(max_length=100)
    content = TextField(max_length=10_000)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def create(self, validated_data: dict[str, Any]) -> Post:
        return Post.objects.create(**validated_data)


class PostIdsSerializer(serializers.Serializer):
    ids = serializers.ListField(child=serializers.UUIDField(), min_length=5, max_length=5)
