"""A sale as a picture: quantity to the right, price upwards, demand and supply as steps, the crossing marked."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 36, 44
DEMAND, SUPPLY, MARK = "#1f5aa6", "#b24c14", "#282828"
# Of more levels, every so many are drawn: a screen shows no more.
LEVELS_MAX = 600

Point = tuple[float, float]


class _Scales:
    """From quantities and prices to pixels."""

    def __init__(self, quantity_max: float, price_min: float, price_max: float) -> None:
        self.quantity_max = quantity_max or 1.0
        self.price_min = price_min
        self.price_max = price_max if price_max > price_min else price_min + 1.0

    def at(self, point: Point) -> Point:
        quantity, price = point
        right = LEFT + (WIDTH - LEFT - RIGHT) * quantity / self.quantity_max
        down = TOP + (HEIGHT - TOP - BOTTOM) * (self.price_max - price) / (self.price_max - self.price_min)
        return right, down

    def line(self, points: Sequence[Point], color: str, more: str = "") -> str:
        path = " ".join(f"{right:.1f},{down:.1f}" for right, down in map(self.at, points))
        return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{more}/>'


def picture(curve: dict[str, Any], price: float | None, allocated: float, title: str) -> str:
    """The picture of a sale from its curve, the price and what is sold at it."""
    prices, demand, supply = _thinned(curve)
    marked = [] if price is None else [price]
    price_min, price_max = min([*prices, *marked], default=0.0), max([*prices, *marked], default=1.0)
    room = (price_max - price_min) * 0.08 or 1.0
    scales = _Scales(
        max([*demand, *supply, allocated], default=1.0) * 1.05, max(0.0, price_min - room), price_max + room
    )
    parts = [_frame(title), *_axes(scales)]
    if prices:
        parts.append(scales.line(_steps(prices, demand, scales.price_min, 0.0), DEMAND))
        parts.append(scales.line(_supply(prices, supply, scales), SUPPLY))
    if price is not None:
        right, down = scales.at((allocated, price))
        dashes = ' stroke-dasharray="5 4" stroke-opacity="0.6"'
        corner = [(0.0, price), (allocated, price), (allocated, scales.price_min)]
        parts.append(scales.line(corner, MARK, dashes))
        parts.append(f'<circle cx="{right:.1f}" cy="{down:.1f}" r="5" fill="{MARK}"/>')
    return "".join(parts) + "</svg>"


def _thinned(curve: dict[str, Any]) -> tuple[list[float], list[float], list[float]]:
    count = len(curve["price"])
    every = max(1, math.ceil(count / LEVELS_MAX))
    places = sorted({*range(0, count, every), *([count - 1] if count else [])})
    prices, demand, supply = ([float(curve[name][place]) for place in places] for name in ("price", "demand", "supply"))
    return prices, demand, supply


def _steps(prices: list[float], demand: list[float], bottom: float, end: float) -> list[Point]:
    """What is wanted at each price: the same down to the next lower level."""
    points = [(end, prices[-1])]
    for place in range(len(prices) - 1, -1, -1):
        lower = prices[place - 1] if place else bottom
        points += [(demand[place], prices[place]), (demand[place], lower)]
    return points


def _supply(prices: list[float], supply: list[float], scales: _Scales) -> list[Point]:
    points = list(zip(supply, prices))
    return [(points[0][0], scales.price_min), *points, (points[-1][0], scales.price_max)]


def _frame(title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="{LEFT}" y="22" font-size="14">{html.escape(title)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="22" text-anchor="end"><tspan fill="{DEMAND}">demand</tspan> '
        f'<tspan fill="{SUPPLY}">supply</tspan></text>'
    )


def _axes(scales: _Scales) -> list[str]:
    parts = []
    bottom = HEIGHT - BOTTOM
    for quantity in _round_numbers(0.0, scales.quantity_max):
        right, _ = scales.at((quantity, scales.price_min))
        parts.append(f'<line x1="{right:.1f}" y1="{TOP}" x2="{right:.1f}" y2="{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{right:.1f}" y="{bottom + 16}" text-anchor="middle">{quantity:.6g}</text>')
    for price in _round_numbers(scales.price_min, scales.price_max):
        _, down = scales.at((0.0, price))
        parts.append(f'<line x1="{LEFT}" y1="{down:.1f}" x2="{WIDTH - RIGHT}" y2="{down:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{price:.6g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">quantity</text>')
    parts.append(f'<text x="12" y="{TOP + 4}">price</text>')
    return parts


def _round_numbers(low: float, high: float) -> list[float]:
    """Four to ten round numbers between two numbers."""
    magnitude = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(magnitude * factor for factor in (10, 5, 2, 1) if (high - low) / (magnitude * factor) >= 4 or factor == 1)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]
