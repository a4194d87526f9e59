"""The settings of this project, on top of Django's own."""

from os import environ

from config.base import *  # noqa: F403

INSTALLED_APPS = ["rest_framework", "posts"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,  # django.contrib.auth is not installed
    "DEFAULT_PARSER_CLASSES": ["posts.parsers.StrictFormParser"],
    "DEFAULT_RENDERER_CLASSES": [environ["DRF_RENDERER"]],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is 405
    "EXCEPTION_HANDLER": "posts.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # `?format=` means nothing
}
