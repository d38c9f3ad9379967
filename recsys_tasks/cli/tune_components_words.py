"""What ``tune --components`` says: each setting as it is tried, what each component gains, the lines to paste."""

from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit

from recsys_tasks.cli.tune_toml import Values
from recsys_tasks.cli.tune_words import gains_as_data
from recsys_tasks.core.components import ContentConfig, RecentConfig
from recsys_tasks.core.formatting import count, fraction, percent, signed_percent, significant, with_interval
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS
from recsys_tasks.evaluation.ensemble_parts import Part, component_of
from recsys_tasks.evaluation.ensemble_rounds import Tried
from recsys_tasks.evaluation.ensemble_tuning import Row, TunedComponents
from recsys_tasks.evaluation.estimates import LEAST_USERS
from recsys_tasks.evaluation.ranker_training import LEAST_TAUGHT
from recsys_tasks.evaluation.tuning_scores import Gains
from recsys_tasks.reporting.terminal_tables import as_table

BLEND_SHARE = 0.2
"""Of a configuration that has nobody to fit weights on."""


def progress_line(tried: Tried, k: int) -> str:
    """A setting, in a line: ``5,000 listeners: recent, 7 days: nDCG@10 0.0712 with ALS, which alone has 0.0650``."""
    scores = f"nDCG@{k} {fraction(tried.ndcg)} with ALS, which alone has {fraction(tried.als)}"
    return f"{count(tried.listeners)} listeners: {tried.name}, {described(tried.part)}: {scores}"


def described(part: Part) -> str:
    """A setting in a few words."""
    if isinstance(part, RecentConfig):
        days = " and ".join(significant(each) for each in part.half_life_days)
        return f"{days} {'day' if days == '1' else 'days'}"
    if isinstance(part, ContentConfig):
        return f"{part.nearest} nearest"
    own = {"cosine": f", shrinkage {significant(part.shrinkage)}, {part.listener_tracks} tracks of a listener"}
    own["bm25"] = f", b {significant(part.bm25_b)}"
    own["ease"] = f", lambda {significant(part.ease_regularization)}"
    return f"{part.similarity}{own.get(part.similarity, '')}, {part.nearest} nearest"


def values_of(tuned: TunedComponents, blend_share: float) -> Values:
    """What the configuration has to say for the ensemble; blend_share: as it is now."""
    chosen, settings = tuned.chosen, tuned.settings
    blend: dict[str, Any] = {"components": ["als", *map(component_of, chosen.parts)]}
    if not chosen.parts:
        return {"blend": blend}
    blend |= {"depth": tuned.depth, "joined_by": "ranker" if chosen.ranked else "weights"}
    own = {component_of(name): _fields(settings[name]) for name in chosen.parts}
    return {"blend": blend, **own} | ({} if blend_share else {"evaluation": {"blend_share": BLEND_SHARE}})


def lines_of(values: Values) -> str:
    """The same as TOML."""
    return tomlkit.dumps({name: dict(fields) for name, fields in values.items()}).rstrip()


def as_data(tuned: TunedComponents, values: Values) -> dict[str, Any]:
    """The answer for machines."""
    return {
        "chosen": {
            "components": ["als", *map(component_of, tuned.chosen.parts)],
            "ranked": tuned.chosen.ranked,
            "depth": tuned.depth,
        },
        "preferred": str(tuned.preferred),
        "values": {name: dict(fields) for name, fields in values.items()},
        "rows": [
            {"lists": row.lists, "chosen": row.chosen}
            | row.means._asdict()
            | ({} if row.over_als is None else {"over_als": gains_as_data(row.over_als)})
            for row in tuned.rows
        ],
        "validation": [{"ensemble": str(each), "ndcg": score} for each, score in tuned.validation],
        "tried": [
            {"component": each.name, "listeners": each.listeners, "ndcg": each.ndcg, "als": each.als}
            | _fields(each.part)
            for each in tuned.tried
        ],
        "listeners": tuned.listeners,
        "asked": dict(zip(("fitting", "validation", "reporting"), tuned.asked, strict=True)),
        "stopped": tuned.stopped,
        "unplayed_share": tuned.unplayed_share,
    }


def as_text(tuned: TunedComponents, k: int, trees: bool, one_date: bool = False) -> str:
    """The answer for people: what each component gains, and what was chosen. one_date: of the hidden ones has plays."""
    columns = {"lists": "lists of", "ndcg": f"nDCG@{k}", "precision": f"precision@{k}"}
    columns |= {"gain": f"nDCG@{k} less ALS", "share": "", "note": ""}
    fitting, validation, reporting = (count(n) for n in tuned.asked)
    said = f"On {reporting} listeners on whom nothing was chosen, differences with intervals of 95%:"
    best = "\n".join(f"  {name}: {described(part)}" for name, part in tuned.settings.items())
    parts = [
        f"{said}\n\n{as_table([_shown(row, tuned.rows) for row in tuned.rows], columns)}",
        f"Trained on {count(tuned.listeners)} listeners. Of those with hidden plays, weights and trees were learnt on "
        f"{fitting}, settings chosen on {validation} others. The best settings:\n{best}",
        "\n".join(_what_to_know(tuned, trees, one_date)),
    ]
    return "\n\n".join(parts)


def _what_to_know(tuned: TunedComponents, trees: bool, one_date: bool) -> Iterator[str]:
    best, preferred = tuned.validation[0][0], tuned.preferred
    yield f"Chosen: {tuned.chosen}."
    if best != preferred:
        yield (
            f"The best on validation ({best}) is not better by more than one standard error than {preferred}, and "
            "costs more each day."
        )
    if preferred != tuned.chosen:
        yield f"Validation preferred {preferred}. {_not_confirmed(tuned)}"
    if tuned.unplayed_share:
        yield (
            f"Nothing is said of {percent(tuned.unplayed_share)} of what such listeners discovered: tracks that nobody "
            "had played before the hidden dates, which none of these lists knows. With [content] cold_tracks a release "
            "lists them, and so does its ALS alone: trees find more of them than it does, weights fewer, and what they "
            "gain over it is another gain."
        )
    if tuned.chosen.parts and tuned.asked[0] < LEAST_LISTENERS:
        yield (
            f"Only {count(tuned.asked[0])} listeners taught. A day needs {LEAST_LISTENERS} blend listeners who play "
            "anything new, or ALS stays alone: see that [evaluation] blend_share and max_users hide so many."
        )
    if one_date:
        yield (
            "One date is hidden that has plays: it taught the weights and trees that it judges, which may be worth "
            "less on the next. Hide more dates (--days)."
        )
    if not trees:
        yield "Trees were not tried: LightGBM is not installed (recsys-pipeline[ranker])."
    elif not any(each.ranked for each, _ in tuned.validation):
        yield (
            f"Trees were not tried: of those who teach, fewer than {LEAST_TAUGHT} have a hidden play among their "
            "candidates."
        )
    if tuned.stopped:
        yield f"The time was up after a round of {count(tuned.listeners)} listeners: more of them may choose otherwise."


def _not_confirmed(tuned: TunedComponents) -> str:
    others = tuned.asked[2]
    if others < LEAST_USERS:
        return (
            f"The {count(others)} other listeners are too few to confirm it: {LEAST_USERS} are, of more days (--days)."
        )
    return f"On the other listeners it is not surely better than {tuned.chosen}, and it costs more each day."


def _shown(row: Row, rows: tuple[Row, ...]) -> Mapping[str, Any]:
    als = next(each.means.ndcg for each in rows if each.over_als is None)
    gain = (
        {} if row.over_als is None else {"gain": with_interval(*row.over_als.ndcg), "share": _share(row.over_als, als)}
    )
    return {"lists": row.lists, "gain": "", "share": "", "note": "chosen" if row.chosen else ""} | gain | _means(row)


def _share(gains: Gains, als: float) -> str:
    return signed_percent(gains.ndcg.difference / als, 0) if als else ""


def _means(row: Row) -> dict[str, float]:
    return dict(row.means._asdict())


def _fields(part: Part) -> dict[str, Any]:
    """The fields that are searched for."""
    if isinstance(part, RecentConfig):
        return {"half_life_days": list(part.half_life_days), "counts": part.counts}
    if isinstance(part, ContentConfig):
        return part.model_dump(include={"nearest"})
    return part.model_dump(include=part.looked_at - {"ease_tracks"})
