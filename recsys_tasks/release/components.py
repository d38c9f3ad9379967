"""What stands beside the factors of a candidate: components with weights and parameters, trees, factors by content."""

from recsys_tasks.core.domain import Day
from recsys_tasks.core.records import Json
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import Models


def beside_factors(models: Models, key: CandidateKey | None) -> Json | None:
    """The components after the first, how all are joined, and what tracks without plays came from.

    Args:
        models: where the components are stored.
        key: of the candidate; None: its bundle is gone.

    Returns:
        None where ALS stands alone, or nothing names the components any more.
    """
    if key is None or (len(key.components) == 1 and key.cold is None):
        return None
    named = zip(key.components[1:], key.blend.names[1:], key.blend.weights[1:], strict=True)
    return {
        "components": [
            {"name": name, "weight": weight} | _model(models, key.day, each) for each, name, weight in named
        ],
        "joined_by": "trees" if key.blend.trees else "weights",
        "depth": key.blend.depth,
        "trees": _model(models, key.day, key.blend.trees) if key.blend.trees else None,
        "cold": _model(models, key.day, key.cold) if key.cold else None,
        "catalogue": key.catalogue,
    }


def _model(models: Models, day: Day, digest: str) -> Json:
    found = models.find(day, digest)
    return {"digest": digest, "stored": found is not None, "parameters": found[0].parameters if found else {}}
