"""The bridgetoll contract, served by Flask."""

from collections.abc import Callable

from flask import Flask

from . import errors, settings, views
from .forms import MAX_BODY
from .json import OrjsonProvider

# Each gunicorn worker calls one of the two as it loads, and imports only its own way to the table.


def create_app() -> Flask:
    """Make the application with SQLAlchemy's ORM, and an open pool."""
    from . import orm_views

    return _create_app(orm_views.init_app)


def create_psycopg_app() -> Flask:
    """Make the application with psycopg, and an open pool."""
    from . import sql_views

    return _create_app(sql_views.init_app)


def _create_app(add_endpoints: Callable[[Flask, settings.Settings], None]) -> Flask:
    loaded = settings.load()
    app = Flask(__name__, static_folder=None)
    app.json = OrjsonProvider(app)
    app.config.update(
        CPU_ITERATIONS=loaded.cpu_iterations,
        WAIT_MS=loaded.wait_ms,
        # Werkzeug cuts a chunked body off at this length, and says nothing. One byte more lets
        # forms.py see that a body is too long.
        MAX_CONTENT_LENGTH=MAX_BODY + 1,
    )
    app.register_blueprint(views.blueprint)
    errors.init_app(app)
    add_endpoints(app, loaded)
    return app
