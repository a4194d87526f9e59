"""The bridgetoll contract, served by Flask."""

from flask import Flask

from . import database, errors, settings, views
from .forms import MAX_BODY
from .json import OrjsonProvider


def create_app() -> Flask:
    """Make the application with an open pool: each gunicorn worker calls this as it loads."""
    loaded = settings.load()
    app = Flask(__name__, static_folder=None)
    app.json = OrjsonProvider(app)
    app.config.update(
        CPU_ITERATIONS=loaded.cpu_iterations,
        WAIT_MS=loaded.wait_ms,
        # Werkzeug cuts a chunked body off at this length, and says nothing. One byte more lets
        # forms.py see that a body is too long.
        MAX_CONTENT_LENGTH=MAX_BODY + 1,
        # OPTIONS is a method that the contract does not know.
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.register_blueprint(views.blueprint)
    errors.init_app(app)
    database.init_app(app, loaded)
    return app
