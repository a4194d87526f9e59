"""The settings of this project, on top of Django's own."""

from os import environ

from config.base import *  # noqa: F403

INSTALLED_APPS = ["posts"]
VIEWS = environ["NINJA_VIEWS"]  # the module posts/views_<VIEWS>.py
