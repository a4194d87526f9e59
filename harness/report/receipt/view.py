"""A receipt as plain values for the templates of page and Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.analysis.receipt.receipt import Item, Receipt, UrlReceipt
from harness.report.receipt import words
from harness.report.words.machines import machine_name
from harness.report.words.sentences import capital

TEMPLATES = Path(__file__).with_name("templates")


def receipt_values(receipt: Receipt) -> dict[str, Any]:
    """Everything that a receipt tells, in words."""
    served, other = receipt.served, receipt.other
    return {
        "title": words.served_title(served),
        "facts": list(filter(None, (words.moment(receipt), machine_name(receipt.machine)))),
        "headline": words.headline(receipt),
        "changes": [
            {
                "says": change.says,
                "saving": capital(words.saving(change)),
                "saves": "" if change.saving is None else words.cost(change.saving),
                "urls": words.concerned(change, receipt),
                "page": words.page(change),
            }
            for change in receipt.recommendations
        ],
        "urls": [_url(url, receipt) for url in receipt.urls],
        "left_behind": _left_behind(receipt),
        "sent": [words.sent(url, receipt) for url in receipt.urls],
        "served": words.served_whole(served),
        "overlaid": words.overlaid(served),
        "other": None if other is None else words.served_whole(other),
        "notes": words.notes(receipt),
        "prices": [
            {"name": tag.name, "value": words.cost(tag.value), "how": tag.how}
            for tag in (() if receipt.prices is None else receipt.prices.tags)
        ],
    }


def _url(url: UrlReceipt, receipt: Receipt) -> dict[str, Any]:
    own, others = words.own(url.items), words.others(url.items)
    most = max((item.total.mean for item in url.items if item.total is not None), default=0.0)
    groups = [("Your project", own), (words.others_title(others, receipt.served), others)]
    return {
        "name": url.request.name,
        "answer": f"answered {url.status}, {url.requests} requests",
        "priced": words.is_priced(url),
        "groups": [_group(title, items, url, most) for title, items in groups if items],
        "no_toll": words.no_toll(url),
        "sums": [{"what": what, "value": value} for what, value in words.sums(url, receipt)],
        "lines": _lines(url, receipt),
    }


def _group(title: str, items: Sequence[Item], url: UrlReceipt, most: float) -> dict[str, Any]:
    rows = [
        {
            "noun": words.noun(item.amount),
            "name": item.cause.name,
            "place": words.place(item.cause),
            "spread": words.distribution(item.per_request, url.requests),
            "quantity": words.quantity(item.per_request),
            "each": words.cost(item.price),
            "total": words.cost(item.total),
            "share": item.total.mean / most if item.total is not None and most > 0 else 0.0,
            "tone": "own" if item.cause.project else "cycle",
        }
        for item in items
    ]
    return {"title": title, "sum": words.plain_sum(items), "rows": rows}


def _lines(url: UrlReceipt, receipt: Receipt) -> list[str]:
    lines = [f"Also: {' · '.join(told)}" for told in (words.counts(url),) if told]
    if throughput := words.throughput(url, receipt):
        lines.append(f"Throughput: {throughput}")
    lines += [f"Differs: {line}" for line in words.differing(url)]
    told = (words.explained(url), words.failures(url))
    return lines + [capital(line) for line in told if line]


def _left_behind(receipt: Receipt) -> str:
    left = receipt.left_behind
    if left is None:
        return ""
    return f"{capital(words.left_behind(left))}."
