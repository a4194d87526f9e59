from rest_framework import serializers

from posts.models import Post


def not_blank(value: str) -> None:
    if not value.strip():
        raise serializers.ValidationError("This field may not be blank.")


class PostSerializer(serializers.ModelSerializer):
    title = serializers.CharField(max_length=100, trim_whitespace=False, validators=[not_blank])
    content = serializers.CharField(
        max_length=10_000, trim_whitespace=False, validators=[not_blank]
    )

    class Meta:
        model = Post
        fields = ("id", "title", "content", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")


class PostIdsSerializer(serializers.Serializer):
    ids = serializers.ListField(child=serializers.UUIDField(), min_length=5, max_length=5)
