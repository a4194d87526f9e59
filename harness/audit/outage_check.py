"""The database goes, and comes back: 503 meanwhile, and afterwards as if nothing had been."""

import time

from harness.audit.http_checks import Subject, expect

RECOVERY_S = 20.0
"""Long enough for a pool that waits between attempts, doubling from a second."""
_STEADY = 40
"""Correct answers in a row that count as recovered: more than a pool has connections."""
_PAUSE_S = 0.05


def database_outage(subject: Subject) -> None:
    """503 while the database is gone, other endpoints unharmed, recovery when it returns."""
    subject.database.reset(30)
    targets = [subject.contract.operations[name].target for name in ("io_read", "io_fanout")]
    subject.answer("io_read")
    with subject.database.outage(subject.variant):
        for _ in range(2):  # the first meets a cut connection, the second none at all
            for target in targets:
                subject.refusal(subject.probe.get(target), 503)
            form = {"title": "t", "content": "c"}
            subject.refusal(subject.probe.post_form("/io_create", form), 503)
        subject.answer("noop")
    _recovers(subject)


def _recovers(subject: Subject) -> None:
    end = time.monotonic() + RECOVERY_S
    steady = 0
    while steady < _STEADY:
        reply = subject.probe.get("/io_read")
        if reply.status == 200:
            steady += 1
            continue
        subject.refusal(reply, 503)
        steady = 0
        expect(time.monotonic() < end, f"still {reply.shown()} {RECOVERY_S:.0f} s after its return")
        time.sleep(_PAUSE_S)
