"""A chart that draws quickly."""

from typing import Any

SPEC: dict[str, Any] = {
    "data": {"values": [{"x": 1}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
    "width": 30,
    "height": 20,
}
