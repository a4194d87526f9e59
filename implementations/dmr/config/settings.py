"""The settings of this project, on top of Django's own."""

from os import environ

from dmr.settings import Settings
from posts.parsers import StrictFormParser

from config.base import *  # noqa: F403

INSTALLED_APPS = ["posts"]
VIEWS = environ["DMR_VIEWS"]  # the module posts/views_<VIEWS>.py

DMR_SETTINGS = {
    Settings.parsers: [StrictFormParser()],
    Settings.global_error_handler: "posts.api.answer_error",
    Settings.validate_responses: False,  # as its documentation has it in production
}
