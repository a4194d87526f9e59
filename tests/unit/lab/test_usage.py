import os
import threading

from harness.lab.process import launch
from harness.lab.usage import Usage


def test_sums_over_the_processes_that_live() -> None:
    child = launch(["sleep", "60"])
    try:
        own, both = Usage.of([os.getpid()]), Usage.of([os.getpid(), child.pid])
        assert (own.processes, both.processes) == (1, 2)
        assert both.threads == own.threads + 1
        assert both.rss_peak_kib > own.rss_peak_kib > 1_000
    finally:
        child.stop()
    assert Usage.of([os.getpid(), child.pid]).processes == 1


def test_of_nobody_is_nothing() -> None:
    assert Usage.of([]) == Usage(rss_peak_kib=0, threads=0, processes=0)


def test_counts_threads() -> None:
    end = threading.Event()
    before = Usage.of([os.getpid()]).threads
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert Usage.of([os.getpid()]).threads == before + 1
    end.set()
    thread.join()
