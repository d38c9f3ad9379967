"""SASRec (Kang and McAuley 2018) in PyTorch: each next track of a listener, foretold from those before it.

All tracks are in its softmax, as Klenitskiy and Vasilev (2023) found it to need, or a sample that stands for them where
that is too dear. The same vectors of tracks stand at both ends, so that a listener's score of a track is the inner
product of two vectors: to all that comes after it, the model is a pair of factors.

Where we differ: the order within a day is not known, and drawn anew in each epoch; recent plays may count more than
those of long ago (``half_life``); lists come from a running mean of the weights, which needs no falling rate.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Numbers = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
WARM_UP, KEPT = 100, 0.995
"""Steps in which the rate rises, and what the mean of the weights keeps of itself in each."""


@dataclass(frozen=True)
class Settings:
    """What is chosen on validation, and what is not."""

    factors: int = 64
    blocks: int = 1
    heads: int = 2
    length: int = 50  # tracks that are looked back on
    dropout: float = 0.3
    half_life: float = math.inf  # days after which a play counts half of what the newest does, as something to foretell
    negatives: int = 0  # tracks drawn for each batch that stand for all others; 0: all of them
    batch: int = 256
    rate: float = 1e-3


@dataclass(frozen=True)
class Sequences:
    """The first play of each pair, by day. (n_pairs,) each."""

    users: Numbers
    tracks: Numbers
    days: Numbers
    n_tracks: int


class Network(nn.Module):
    """What comes next at each place of a row of tracks."""

    def __init__(self, n_tracks: int, of: Settings) -> None:
        super().__init__()
        self.of, self.n_tracks = of, n_tracks  # behind the tracks stands an empty place
        self.tracks, self.places = nn.Embedding(n_tracks + 1, of.factors), nn.Embedding(of.length, of.factors)
        for each in (self.tracks, self.places):
            nn.init.normal_(each.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            of.factors, of.heads, 4 * of.factors, of.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, of.blocks, nn.LayerNorm(of.factors), enable_nested_tensor=False)
        self.dropout = nn.Dropout(of.dropout)

    def forward(self, rows: Tensor) -> Tensor:
        """(n, length) tracks -> (n, length, factors). Empty places are last, so that nobody looks at them."""
        there = self.dropout(self.tracks(rows) + self.places.weight[: rows.shape[1]])
        ahead = nn.Transformer.generate_square_subsequent_mask(rows.shape[1], device=rows.device)
        return self.blocks(there, mask=ahead, is_causal=True)

    def lost(self, vectors: Tensor, answers: Tensor) -> Tensor:
        """Cross-entropy of the right tracks among all others. (n, factors), (n,) -> (n,)."""
        own, drawn = self.tracks.weight[: self.n_tracks], self.of.negatives
        if not drawn:
            return cross_entropy(vectors @ own.T, answers, reduction="none")
        others = torch.randint(self.n_tracks, (drawn,), device=vectors.device)
        scores = vectors @ own[others].T + math.log(self.n_tracks / drawn)  # each stands for so many
        scores = scores.masked_fill(others == answers[:, None], -math.inf)
        right = (vectors * own[answers]).sum(1, keepdim=True)
        return cross_entropy(torch.cat([right, scores], 1), torch.zeros_like(answers), reduction="none")


class Training:
    """A model that is trained as long as somebody asks it to."""

    def __init__(self, log: Sequences, settings: Settings) -> None:
        torch.manual_seed(1)
        self._windows = Windows(log, settings)
        self._model = Network(log.n_tracks, settings).to(DEVICE)
        self._mean = AveragedModel(self._model, multi_avg_fn=get_ema_multi_avg_fn(KEPT))
        self._optimizer = torch.optim.AdamW(self._model.parameters(), settings.rate, betas=(0.9, 0.98), fused=True)
        self._rise = torch.optim.lr_scheduler.LinearLR(self._optimizer, 1 / WARM_UP, total_iters=WARM_UP)

    def epoch(self) -> None:
        """Look at each play once more."""
        self._model.train()
        for rows, answers, weights in self._windows.batches():
            there = weights > 0
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda"):
                lost = self._model.lost(self._model(rows)[there], answers[there])
            self._optimizer.zero_grad()
            (lost @ weights[there] / len(lost)).backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._rise.step()
            self._mean.update_parameters(self._model)

    @torch.no_grad()
    def vectors(self, users: Numbers) -> tuple[Vectors, Vectors]:
        """Of some listeners, from their newest tracks, and of all tracks. (n, factors), (n_tracks, factors)."""
        model, (rows, last) = self._mean.module.eval(), self._windows.newest(users)
        pairs = zip(rows.split(1024), last.split(1024), strict=True)
        found = torch.cat([model(part)[torch.arange(len(part)), at] for part, at in pairs])
        return tuple(each.float().cpu().numpy() for each in (found, model.tracks.weight[: model.n_tracks]))


class Windows:
    """Rows of as many tracks as a model looks back on; longer histories make several, cut elsewhere in each epoch."""

    def __init__(self, log: Sequences, of: Settings) -> None:
        order = np.lexsort((log.days, log.users))
        users, days = log.users[order], log.days[order]
        newer = np.exp2((days - log.days.max()) / of.half_life)
        begins = np.r_[True, (users[1:] != users[:-1]) | (days[1:] != days[:-1])]
        self._users, first, length = np.unique(users, return_index=True, return_counts=True)
        self._of, self._empty = of, log.n_tracks
        self._tracks = torch.tensor(log.tracks[order], device=DEVICE)
        self._weights = torch.tensor(newer / newer.mean(), dtype=torch.float32, device=DEVICE)
        self._group = torch.tensor(np.cumsum(begins), dtype=torch.float64, device=DEVICE)  # of a listener and day
        self._first, self._length = (torch.tensor(each, device=DEVICE) for each in (first, length))

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Tracks, what comes next, and how much that counts (0: nothing does). (n, at most length) each."""
        tracks = self._tracks[torch.argsort(self._group + torch.rand_like(self._group))]
        begin, end = self._cut()
        alike = torch.argsort(end - begin + torch.rand(len(begin), device=DEVICE)).split(self._of.batch)
        for number in torch.randperm(len(alike)).tolist():  # rows of a batch are about as long: few places are empty
            first, beyond = (ends[alike[number], None] for ends in (begin, end))
            places = first + torch.arange(int((beyond - first).max()), device=DEVICE)
            there, places = places < beyond, places.clamp(max=len(tracks) - 1)
            rows = torch.where(there, tracks[places], self._empty)
            yield rows[:, :-1], rows[:, 1:], (self._weights[places] * there)[:, 1:]

    def _cut(self) -> tuple[Tensor, Tensor]:
        """Where windows begin and end: all that have two tracks or more. Each shares one track with the next."""
        step = self._of.length
        shift = torch.randint(step, self._length.shape, device=DEVICE)
        shift = torch.where(self._length > step + 1, shift, 0)[:, None]
        starts = torch.arange(0, int(self._length.max()) + step, step, device=DEVICE) - shift
        begin, end = starts.clamp(min=0), torch.minimum(starts + step + 1, self._length[:, None])
        own = end - begin >= 2
        return (begin + self._first[:, None])[own], (end + self._first[:, None])[own]

    def newest(self, users: Numbers) -> tuple[Tensor, Tensor]:
        """The newest tracks of listeners, and the place of the last. (n, length), (n,)."""
        at = torch.tensor(np.searchsorted(self._users, users), device=DEVICE)
        looked = self._length[at].clamp(max=self._of.length)
        places = torch.arange(self._of.length, device=DEVICE).expand(len(at), -1)
        own = ((self._first + self._length)[at] - looked)[:, None] + places
        rows = torch.where(places < looked[:, None], self._tracks[own.clamp(max=len(self._tracks) - 1)], self._empty)
        return rows, looked - 1
