"""The two legs of a run, application to database and load to application, and their latency."""

import http.client
import statistics
import time
from collections.abc import Callable

import psycopg

from harness.base.errors import DatabaseFailed
from harness.inputs.study import Latency
from harness.lab.latency.injector import Injector, Leg
from harness.lab.network import Address
from harness.lab.postgres.connection import connect
from harness.lab.postgres.url import address_of, at_address
from harness.records.trial import RoundTrips

_PINGS = 7
_PATIENCE_S = 120
"""A connection takes half a dozen round trips, and one may be ten seconds long."""
_HANDSHAKE = 1.25
"""Round trips to wait for one handshake: the relay delays it by one, and some are late."""


class Legs:
    """Gives addresses that lead through the injector of latency, or the direct ones without it."""

    def __init__(self, injector: Injector | None) -> None:
        self._injector = injector
        self._client_s = 0.0
        self._ways: dict[tuple[Leg, Address], Address] = {}

    @property
    def delays_harness(self) -> bool:
        """Whether the harness's own connections take the long way too."""
        return self._injector is not None and self._injector.delays_harness

    def check_alive(self) -> None:
        """Notice at once when the process that delays has ended.

        Raises:
            RelayFailed: it has.
        """
        if self._injector is not None:
            self._injector.check_alive()

    def shorten(self) -> None:
        """Add no latency, for whatever is not measured."""
        self.lengthen(Latency())

    def lengthen(self, latency: Latency) -> None:
        """Add so much to every round trip from now on."""
        self._client_s = latency.client_ms / 1e3
        if self._injector is not None:
            for leg, milliseconds in latency.legs.items():
                self._injector.set_round_trip(leg, milliseconds)

    def database_url(self, url: str) -> str:
        """The URL under which the database is reached through its leg."""
        if self._injector is None:
            return url
        return at_address(url, self._through(self._injector, "database", address_of(url)))

    def server_address(self, there: Address) -> Address:
        """Where the load reaches a server that listens there."""
        return there if self._injector is None else self._through(self._injector, "client", there)

    def _through(self, injector: Injector, leg: Leg, target: Address) -> Address:
        """The address that leads to a target; one for each target."""
        if (leg, target) not in self._ways:
            self._ways[leg, target] = injector.through(leg, target)
        return self._ways[leg, target]

    def measure(
        self, database_url: str, direct: Address, address: Address
    ) -> tuple[float, float] | None:
        """Idle round trips in milliseconds, database and client; None where nothing is added.

        Args:
            database_url: through the leg.
            direct: where a server listens.
            address: of the same server, through the leg.

        Raises:
            DatabaseFailed: one of the two ends, or the relay between them, does not answer.
        """
        if self._injector is None:
            return None
        try:
            with connect(database_url, _PATIENCE_S) as connection:
                database = _median_ms(lambda: connection.execute("SELECT 1").fetchone())
            client = self._health_ms(address)
            if address != direct:  # with netem there is no other way to take off
                client -= self._health_ms(direct)
        except (OSError, http.client.HTTPException, psycopg.Error) as error:
            raise DatabaseFailed(
                f"The legs could not be measured: {' '.join(str(error).split())}; the server, "
                "PostgreSQL or the relay is gone."
            ) from error
        return database, client

    def _health_ms(self, address: Address) -> float:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=60)

        def ready() -> None:
            """Connect, and wait out the handshake: some servers close after each answer."""
            if connection.sock is None:
                connection.connect()
                time.sleep(_HANDSHAKE * self._client_s)

        try:
            return _median_ms(lambda: _get_health(connection), ready)
        finally:
            connection.close()


def round_trips(
    before: tuple[float, float] | None, after: tuple[float, float] | None
) -> RoundTrips | None:
    """Two measurements as they are kept; None where one of them is missing."""
    if before is None or after is None:
        return None
    return RoundTrips(
        database_before=before[0],
        database_after=after[0],
        client_before=before[1],
        client_after=after[1],
    )


def _get_health(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/health")
    connection.getresponse().read()


def _median_ms(ping: Callable[[], object], ready: Callable[[], object] = lambda: None) -> float:
    """The median time of several pings; the first is left out, as it may fill caches.

    ready: called before each ping, and not timed.
    """
    ready()
    ping()
    times: list[float] = []
    for _ in range(_PINGS):
        ready()
        began = time.perf_counter()
        ping()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)
