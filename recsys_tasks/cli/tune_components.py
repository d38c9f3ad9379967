"""``tune --components``: which components are worth their place beside ALS."""

import importlib.util
import time
from argparse import Namespace
from dataclasses import replace
from datetime import date

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.tune_components_words import as_data, as_text, lines_of, progress_line, values_of
from recsys_tasks.cli.tune_toml import Values, write
from recsys_tasks.core.config import AlsConfig, Config
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.evaluation.ensemble_data import Material
from recsys_tasks.evaluation.ensemble_parts import DEPTHS, Today, depths_for, recents_to_try
from recsys_tasks.evaluation.ensemble_rounds import Options
from recsys_tasks.evaluation.ensemble_tuning import tune_components
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.tuning import ensemble_material, undated_material


def components_of_days(args: Namespace, at: Workplace, last: Day) -> Answer:
    """Choose on the days of a service, ALS staying as the configuration has it."""
    config, today = at.config, today_of(at.config)
    material = ensemble_material(at, last, args.days, recents_to_try(today), args.allow_empty_day)
    return _answer(args, material, config.als, today, config.blend.depth, config.evaluation.blend_share)


def components_of_counts(args: Namespace, split: TuningSplit, config: Config | None, als: AlsConfig) -> Answer:
    """Choose on undated play counts: of the components that need no dates and no catalogue."""
    depth, blend_share = (config.blend.depth, config.evaluation.blend_share) if config else (DEPTHS[0], 0.0)
    return _answer(args, undated_material(split, date(1970, 1, 1)), als, today_of(config), depth, blend_share)


def today_of(config: Config | None) -> Today:
    """The settings of a configuration, or the defaults."""
    fields = ("recent", "neighbours", "content")
    defaults = {name: Config.model_fields[name].default for name in fields}
    return Today(**(defaults if config is None else {name: getattr(config, name) for name in fields}))


def _answer(
    args: Namespace, material: Material, als: AlsConfig, today: Today, depth: int, blend_share: float
) -> Answer:
    trees = importlib.util.find_spec("lightgbm") is not None
    least, *deeper = depths_for(depth, args.k)
    options = Options(
        args.k,
        least,
        trees,
        time.monotonic,
        60 * args.minutes,
        lambda tried: args.tell(progress_line(tried, args.k)),
        deeper=tuple(deeper),
    )
    tuned = tune_components(material, als, today, options)
    values = values_of(tuned, blend_share)
    one_date = bool(material.recent) and material.split.earlier is None
    answer = Answer(as_data(tuned, values), f"{as_text(tuned, args.k, trees, one_date)}\n\n{lines_of(values)}")
    return _written(args, answer, values) if args.write else answer


def _written(args: Namespace, answer: Answer, values: Values) -> Answer:
    """The answer, once the lines stand in the configuration."""
    if args.config is None:
        raise ConfigError("--write needs RECSYS_CONFIG, a TOML file in a directory that may be written to.")
    try:
        changed = write(args.config, values)
    except OSError as error:
        return replace(answer, exit_code=1, warning=f"{args.config} was not written: {error.strerror}.")
    said = (
        f"Written into {args.config}. The next run makes another candidate, which the gate compares with what is live."
        if changed
        else f"Nothing to write: {args.config} says the same already."
    )
    return replace(answer, text=f"{answer.text}\n\n{said}")
