"""The application as servers name it that call no factory. Its pool is open once this is loaded."""

from . import create_app

app = create_app()
