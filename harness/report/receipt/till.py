"""A receipt as a till prints it: plain text of 80 columns, item, quantity, price, sum."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

from harness.analysis.receipt.receipt import Item, Receipt, UrlReceipt
from harness.report.receipt import words
from harness.report.receipt.names import short_name, short_path
from harness.report.words.machines import machine_name

WIDTH = 80
_KIND, _QUANTITY, _EACH, _SUM = 13, 6, 12, 12
"""Columns what is counted, how many, the price of one, the sum; the name has the rest."""
_NAME = WIDTH - _KIND - _QUANTITY - _EACH - _SUM
_BOLD, _THIN = "=" * WIDTH, "-" * WIDTH
_NOTE = "  "
_DOT, _HELD = " · ", "\N{NO-BREAK SPACE}"


def till(receipt: Receipt) -> list[str]:
    """The lines, none of them wider than 80 columns and none with a character that does not print.

    Without prices the columns of microseconds are left out.
    """
    lines = [*_head(receipt)]
    for sentence in words.headline(receipt):
        lines += _wrapped(sentence, "")
    lines.append(_BOLD)
    for url in receipt.urls:
        lines += _url(url, receipt)
    lines += _left_behind(receipt)
    lines += _changes(receipt)
    lines += _requests(receipt)
    lines += _notes(receipt)
    lines += [_BOLD, *_centred(f"made by bridgetoll {receipt.version} in {receipt.took_s:.0f} s")]
    return [line.rstrip() for line in lines]


def _head(receipt: Receipt) -> Iterator[str]:
    yield _BOLD
    yield from _centred("BRIDGETOLL RECEIPT")
    yield from _centred(words.served_title(receipt.served))
    yield from _centred(words.packages(receipt.served, all_=False))
    yield from _centred(
        " · ".join(filter(None, (words.moment(receipt), machine_name(receipt.machine))))
    )
    yield _BOLD


def _url(url: UrlReceipt, receipt: Receipt) -> Iterator[str]:
    answer = f"answered {url.status} · {url.requests} requests"
    yield from _ends(url.request.name, answer)
    priced = words.is_priced(url)
    if url.items:
        each, total = ("µs each", "µs") if priced else ("", "")
        yield _line("per request", "", "qty", each, total, width=_name_width(priced=priced))
        yield _THIN
        yield from _group("YOUR PROJECT", words.own(url.items), url, priced=priced)
        others = words.others(url.items)
        title = words.others_title(others, receipt.served).upper()
        yield from _group(title, others, url, priced=priced)
        yield _THIN
    else:
        yield _THIN
        yield from _wrapped(words.no_toll(url))
    for what, value in words.sums(url, receipt):
        yield from _ends(what, value)
    if throughput := words.throughput(url, receipt):
        yield from _ends("Throughput", throughput)
    yield ""
    if counts := words.counts(url):
        yield from _wrapped(f"also: {' · '.join(counts)}")
    for line in words.differing(url):
        yield from _wrapped(f"differs: {line}")
    if explained := words.explained(url):
        yield from _wrapped(explained)
    if failed := words.failures(url):
        yield from _wrapped(f"! {failed}")
    yield _BOLD


def _group(title: str, items: Sequence[Item], url: UrlReceipt, *, priced: bool) -> Iterator[str]:
    if not items:
        return
    yield from _ends(title, words.plain_sum(items))
    for item in items:
        yield from _item(item, url.requests, priced=priced)


def _item(item: Item, requests: int, *, priced: bool) -> Iterator[str]:
    kind = f"  {words.noun(item.amount)}"
    each = words.cost(item.price, _EACH - 1) if priced else ""
    total = words.cost(item.total, _SUM - 1) if priced else ""
    width = _name_width(priced=priced)
    figures = (words.quantity(item.per_request), each, total)
    name, place = (
        short_name(_printable(item.cause.name), width),
        _printable(words.place(item.cause)),
    )
    if cell_len(name) > width:
        first, *rest = chop_cells(name, WIDTH - _KIND)
        yield f"{kind:<{_KIND}}{first}"
        yield from (f"{'':<{_KIND}}{part}" for part in rest)
        kind, name = "", ""
    if place and cell_len(name) + 2 + cell_len(place) <= width and name:
        name, place = f"{name}  {place}", ""
    elif not name and place:
        name, place = short_path(place, width), ""
    yield _line(kind, name, *figures, width=width)
    if place:
        yield f"{'':<{_KIND}}  {short_path(place, WIDTH - _KIND - 2)}"[:WIDTH]
    if spread := words.distribution(item.per_request, requests):
        yield from _wrapped(spread, " " * (_KIND + 2))


def _left_behind(receipt: Receipt) -> Iterator[str]:
    left = receipt.left_behind
    if left is not None:
        yield "LEFT BEHIND"
        yield from _wrapped(words.left_behind(left))
        yield _BOLD


def _changes(receipt: Receipt) -> Iterator[str]:
    if not receipt.recommendations:
        return
    yield "WHAT TO CHANGE"
    for number, change in enumerate(receipt.recommendations, 1):
        mark = f"{number}. "
        yield from _wrapped(f"{mark}{change.says}", "", " " * len(mark))
        about = " · ".join(filter(None, (words.saving(change), words.concerned(change, receipt))))
        yield from _wrapped(about, " " * len(mark))
        yield from _wrapped(words.page(change), " " * len(mark))
    yield _BOLD


def _requests(receipt: Receipt) -> Iterator[str]:
    yield "REQUESTS SENT"
    for url in receipt.urls:
        yield from _wrapped(words.sent(url, receipt))


def _notes(receipt: Receipt) -> Iterator[str]:
    yield "NOTES"
    for note in words.notes(receipt):
        yield from _wrapped(note, "- ", _NOTE)
    if settings := receipt.served.settings:
        yield from _wrapped(f"Set for it: {', '.join(settings)}.", "- ", _NOTE)
    if receipt.other is not None:
        yield from _wrapped(f"Compared with {words.served_whole(receipt.other)}.", "- ", _NOTE)
    if versions := words.packages(receipt.served):
        yield from _wrapped(f"Versions: {versions}.", "- ", _NOTE)
    if added := words.overlaid(receipt.served):
        yield from _wrapped(added, "- ", _NOTE)


def _name_width(*, priced: bool) -> int:
    """Without prices the name has their columns, too."""
    return _NAME if priced else _NAME + _EACH + _SUM


def _line(kind: str, name: str, quantity: str, each: str, total: str, *, width: int) -> str:
    """One line of the columns."""
    padded = name + " " * (width - cell_len(name))
    text = f"{kind:<{_KIND}}{padded}{quantity:>{_QUANTITY}}"
    return f"{text}{each:>{_EACH}}{total:>{_SUM}}" if each or total else text


def _ends(left: str, right: str) -> Iterator[str]:
    """Two texts at the two ends of a line, or of two lines."""
    left, right = _printable(left), _printable(right)
    if cell_len(left) + cell_len(right) + 2 <= WIDTH:
        yield left + " " * (WIDTH - cell_len(left) - cell_len(right)) + right
        return
    yield from _wrapped(left, "")
    yield from (" " * (WIDTH - cell_len(part)) + part for part in chop_cells(right, WIDTH))


def _centred(text: str) -> Iterator[str]:
    for part in _parts(_printable(text), WIDTH - 4):
        yield " " * ((WIDTH - cell_len(part)) // 2) + part


def _wrapped(text: str, indent: str = _NOTE, further: str | None = None) -> Iterator[str]:
    """A text on as many lines as it takes."""
    further = indent if further is None else further
    for index, part in enumerate(_parts(_printable(text), WIDTH - max(len(indent), len(further)))):
        yield f"{further if index else indent}{part}"


def _parts(text: str, width: int) -> Iterator[str]:
    """A text in parts of so many columns; a wider word is chopped.

    What stands between two dots stays on one line, where it is short.
    """
    items = text.split(_DOT)
    if len(items) > 1:
        held = (t if len(t) > width / 2 else t.replace(" ", _HELD) for t in items)
        text = _DOT.replace(" ", _HELD, 1).join(held)
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        yield from chop_cells(line.replace(_HELD, " "), width)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
