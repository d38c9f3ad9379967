"""The plots of what was delivered: for whom, how new, how varied, how much of it was shown before."""

from collections.abc import Callable, Sequence

from recsys_tasks.core.domain import Figures
from recsys_tasks.reporting.deliveries import LISTS, ShownDelivery
from recsys_tasks.reporting.plots import Line, Plot, Value

LOOKS = dict(zip(LISTS, ("candidate", "live"), strict=True))
"""Product of lists -> the look of its line."""


def by_day(deliveries: Sequence[ShownDelivery]) -> list[ShownDelivery]:
    """The newest delivery of each date of data, the oldest date first. deliveries: the newest first."""
    found = {each.day: each for each in reversed(deliveries)}
    return [found[day] for day in sorted(found)]


def plots_of(deliveries: Sequence[ShownDelivery]) -> list[Plot]:
    """Every plot that there are figures for, in the order of the page. deliveries: one a date, as of ``by_day``."""
    plots = [
        _plot(deliveries, "coverage", "Listeners with a list", "% of the listeners", _share("coverage")),
        _plot(deliveries, "new", "New tracks", "% of the places", _share("new_tracks")),
        _plot(deliveries, "artists", "Different artists of a list", "artists", _figure("artists_a_list")),
        _plot(deliveries, "countries", "Different countries of a list", "countries", _figure("countries_a_list")),
        _plot(deliveries, "last", "Shown in the last delivery of another release", "% of the places", _repeats("last")),
        _plot(deliveries, "week", "Shown in a delivery of a week before", "% of the places", _repeats("week")),
    ]
    return [plot for plot in plots if plot.has_values]


def _plot(
    deliveries: Sequence[ShownDelivery], name: str, title: str, unit: str, value: Callable[[Figures], Value]
) -> Plot:
    """A line for each product that is lists; a delivery without it, or of an older version, has a gap."""
    lines = tuple(
        Line(product.replace("_", " "), look, tuple(value(each.lists.get(product, {})) for each in deliveries))
        for product, look in LOOKS.items()
        if any(product in each.lists for each in deliveries)
    )
    days = tuple(each.day.isoformat() for each in deliveries)
    return Plot(name=name, title=title, caption="", unit=unit, digits=1, points=days, lines=lines)


def _figure(name: str) -> Callable[[Figures], Value]:
    return lambda figures: figures.get(name)


def _share(name: str) -> Callable[[Figures], Value]:
    return lambda figures: _percent(figures.get(name))


def _repeats(name: str) -> Callable[[Figures], Value]:
    return lambda figures: _percent(figures.get("repeats", {}).get(name))


def _percent(share: Value) -> Value:
    return None if share is None else 100 * share
