import asyncio
import os
import sqlite3

import click
from flask import Flask, current_app, g, jsonify, request

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL)
"""


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
    return g.db


def close_db(error=None):
    db = g.pop("db", None)
    if db is not None:
        db.close()


@click.command("init-db")
def init_db():
    """Create the table."""
    with get_db() as db:
        db.execute(SCHEMA)
        db.execute("INSERT INTO entry (name, text) VALUES ('Ada', 'Lovely place.')")
    click.echo("The database is ready.")


def create_app():
    app = Flask(__name__)
    app.config["DATABASE"] = os.environ.get("DATABASE", "guestbook.sqlite")
    app.teardown_appcontext(close_db)
    app.cli.add_command(init_db)

    @app.get("/")
    def index():
        rows = get_db().execute("SELECT name, text FROM entry ORDER BY id DESC LIMIT 20")
        return jsonify([dict(row) for row in rows])

    @app.post("/")
    def sign():
        with get_db() as db:
            db.execute(
                "INSERT INTO entry (name, text) VALUES (?, ?)",
                (request.form["name"], request.form["text"]),
            )
        return "", 204

    @app.get("/weather")
    async def weather():
        await asyncio.sleep(0)  # where a client would ask a service
        return {"weather": "fair"}

    return app
