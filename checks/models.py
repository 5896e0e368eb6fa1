"""The engine that runs a claim on a language model.

A claim quantifies over sorts; a model supplies instances of them: its own head (W, b), hidden states at positions of
a text as points, their differences as directions, its output laws as laws and as rows of kernels from contexts, the
data's law where it is known (else the next token's point mass), merging of tokens as deterministic kernels. What
comes out counts as *holds* only if the same run refutes one of the claim's twins at the same positions; otherwise it
has no power. A violation counts only beyond the rounding error's bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmlaws.theory.expressions import (
    Array,
    Dimension,
    Direction,
    Equal,
    Expr,
    Letter,
    Point,
    Points,
    Rank,
    Symbol,
    axes,
    walk,
)
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object

from .engine import Budget, Engine
from .verdicts import Holds, Refuted, Undecided, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from lmlaws.numerics.evaluate import Assignment
    from lmlaws.numerics.models import LanguageModel
    from lmlaws.numerics.sources import Source
    from lmlaws.numerics.tokenised import Places

CONTEXTS = 24
"""Contexts in one instance of a claim about a law of contexts."""

INSTANCES, FEW = 32, 4
"""Instances of a claim on one model; few where its joint law is larger than SMALL. The clock never decides how many."""

SMALL = 2**16

MOST_ENTRIES = 2**25
"""Of the laws that are held at once: 256 MiB in float64."""

CLASSES = 16
"""Classes into which a deterministic kernel merges tokens."""


@dataclass(frozen=True)
class Sampled:
    """A model's positions: hidden states (N, d), output laws (N, V), the data's laws (N, V), W (V, d), b (V)."""

    name: str
    fingerprint: str
    hidden: Tensor
    laws: Tensor
    data: Tensor
    data_is: str
    W: Tensor
    b: Tensor
    places: Places | None = None
    """Where in the text the positions are."""


class ModelEngine:
    """Runs claims on one model's positions, in float64."""

    exact = False

    def __init__(self, sampled: Sampled) -> None:
        self.sampled = sampled
        self.name = f"model:{sampled.name}"
        self.fingerprint = sampled.fingerprint

    def accepts(self, statement: Statement) -> str | None:
        if statement.is_diagram:
            return "an equation of diagrams says nothing of a model"
        if statement.given:
            return "hypotheses are not constructed on a model"
        if not statement.boxes and not statement.heads:
            return "nothing that a model supplies"
        for node in walk(statement):
            if isinstance(node, Rank | Dimension):
                return "floating point decides no rank"
            if isinstance(node, Symbol | Array):
                return f"the {type(node).__name__.lower()} {node.name} has no meaning on a model"
        try:
            Binding(statement, self.sampled)
        except UnboundError as problem:
            return str(problem)
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        from lmlaws.numerics.bounded import TooLargeError
        from lmlaws.numerics.evaluate import UnreadableError

        try:
            return self._decide(statement, budget, twins)
        except (TooLargeError, UnreadableError) as problem:
            return Undecided(self.name, str(problem))

    def _decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement]) -> Verdict:
        runs: list[Gap] = []
        fallen: set[int] = set()
        if not len(self.sampled.hidden):
            return Undecided(self.name, "0 positions tried")
        binding = Binding(statement, self.sampled)
        count = INSTANCES if binding.joint_size() <= SMALL else FEW
        for number in range(count):
            if not budget.left():
                return Undecided(self.name, f"time: {number} of {count} instances in {budget.seconds:g} s")
            gap = measure(statement, binding.assignment(number))
            if gap.violated:
                return Refuted(self.name, counterexample=self._counterexample(gap, number, binding))
            runs.append(gap)
            for i, twin in enumerate(twins):
                if self._falls(twin, number):
                    fallen.add(i)
        worst = max(runs, key=lambda run: run.gap)
        equation = isinstance(statement.holds, Equal)
        record = {
            "positions": len(self.sampled.hidden),
            "left": f"{worst.left:.12g}",
            "right": f"{worst.right:.12g}",
            "largest difference" if equation else "slack": f"{worst.gap if equation else -worst.gap:.3g}",
            "error bound": f"{max(run.bound for run in runs):.3g}",
            "power": f"{len(fallen)} of {len(twins)} twins fall",
            "data's law": self.sampled.data_is,
        }
        if not fallen:
            power = f"none of {len(twins)} twins falls" if twins else "there is no twin that could fall"
            return Undecided(self.name, f"no violation in {len(runs)} instances, but no power here: {power}")
        return Holds(self.name, instances=len(runs), record=record)

    def _falls(self, twin: Statement, number: int) -> bool:
        if self.accepts(twin) is not None:
            return False
        return measure(twin, Binding(twin, self.sampled).assignment(number)).violated

    def _counterexample(self, gap: Gap, number: int, binding: Binding) -> dict[str, Any]:
        return {
            "kind": "model",
            "model": self.sampled.name,
            "instance": number,
            "left": repr(gap.left),
            "right": repr(gap.right),
            "bound": repr(gap.bound),
            **self._places(gap, number, binding),
        }

    def _places(self, gap: Gap, number: int, binding: Binding) -> dict[str, Any]:
        """Which positions of the text the violated instance is made of, and at which letters it is violated."""
        if self.sampled.places is None:
            return {}
        tell, positions, letters = self.sampled.places, {}, {}
        at = {binding.kinds[letter.alphabet]: place for letter, place in gap.at.items()}
        for name, rows in binding.rows.items():
            here = rows(number)
            chosen = here[at["contexts"]][None] if len(here) > 1 and "contexts" in at else here
            positions[name] = [tell.position(int(row)) for row in chosen]
        for letter, place in gap.at.items():
            kind = binding.kinds[letter.alphabet]
            letters[letter.name] = {kind: place} | ({"text": tell.token(place)} if kind == "tokens" else {})
        return {"positions": positions, "letters": letters}


@dataclass(frozen=True)
class Gap:
    """Both sides at the worst place of an instance, how far they are apart, and the bound of the rounding error.

    `at` says which place that is: the index of each free letter.
    """

    left: float
    right: float
    gap: float
    bound: float
    violated: bool
    at: dict[Letter, int] = field(default_factory=dict)


def measure(statement: Statement, assignment: Assignment) -> Gap:
    """Both sides of a statement on one instance. Raises ValueError when a side is not a number."""
    import torch

    from lmlaws.numerics.evaluate import TorchEvaluator, UnreadableError

    evaluator = TorchEvaluator(assignment, statement.about)
    left, right = statement.holds.left, statement.holds.right
    assert isinstance(left, Expr)
    assert isinstance(right, Expr)
    a, b = evaluator.value(left), evaluator.value(right)
    letters = tuple(dict.fromkeys((*a.letters, *b.letters)))
    (x, ex), (y, ey) = (tuple(t.detach() for t in side.aligned(letters)) for side in (a, b))
    shape = (x + y).shape
    x, y, ex, ey = (t.expand(shape) for t in (x, y, ex, ey))
    if any(bool(t.isnan().any()) for t in (x, y, ex, ey)):
        if any(bool(t.isnan().any()) for t in assignment.tensors()):
            raise ValueError(f"the model's laws, head or hidden states hold not-a-number; asked for {statement}")
        raise UnreadableError("an infinity is set against another on this model")
    same = (x == y) & x.isinf()
    difference = torch.where(same, torch.zeros_like(x), x - y)
    if isinstance(statement.holds, Equal):
        difference = difference.abs()
    bound = ex + ey
    excess = torch.where(difference.isinf(), difference, difference - bound).reshape(-1)
    worst = int(excess.argmax())
    return Gap(
        float(x.reshape(-1)[worst]),
        float(y.reshape(-1)[worst]),
        float(difference.reshape(-1)[worst]),
        float(bound.reshape(-1)[worst]),
        not float(excess[worst]) <= 0.0,
        dict(zip(letters, (int(i) for i in torch.unravel_index(torch.tensor(worst), shape)))),
    )


class UnboundError(ValueError):
    """A sort that a model does not supply; the message says which."""


class Binding:
    """What of the model stands for each box of a statement. Raises UnboundError for a box that has no counterpart."""

    def __init__(self, statement: Statement, sampled: Sampled) -> None:
        self.statement, self.sampled = statement, sampled
        self.kinds: dict[Object, str] = {head.tokens: "tokens" for head in statement.heads}
        self.kinds.update((axes(head), "axes") for head in statement.heads)
        self.makers: dict[Box, Callable[[int], Tensor]] = {}
        self.rows: dict[str, Callable[[int], Tensor]] = {}
        """Of a box or vector that positions supply: which ones, by the number of the instance."""
        self.families = {node: self._family(node) for node in walk(statement) if isinstance(node, Points)}
        states_first = sorted(statement.boxes, key=lambda box: (bool(box.dom), not box.role))
        for place, box in enumerate(states_first):
            self.makers[box] = self._maker(box, place)
        for kind in statement.objects:
            if kind not in self.kinds:
                raise UnboundError(f"nothing on a model has the alphabet {kind}")
        self.vectors: dict[Point | Direction, tuple[Callable[[int], Tensor], ...]] = {}
        named = dict.fromkeys(node for node in walk(statement) if isinstance(node, Point | Direction))
        for place, vector in enumerate(named):
            self.vectors[vector] = (self._taken(vector.name, place, 1),)
            if isinstance(vector, Direction):
                self.vectors[vector] += (self._taken(f"{vector.name} (from)", place + 1, 1),)

    def _taken(self, name: str, shift: int, count: int) -> Callable[[int], Tensor]:
        self.rows[name] = lambda number: self._rows(number, shift, count)
        return self.rows[name]

    def _family(self, family: Points) -> Callable[[int], Tensor]:
        if self.kinds.setdefault(family.over, "contexts") != "contexts":
            raise UnboundError(f"hidden states {family.name} for each of the {self.kinds[family.over]}")
        return self._taken(family.name, 0, CONTEXTS)

    def _maker(self, box: Box, place: int) -> Callable[[int], Tensor]:
        if len(box.cod) != 1 or len(box.dom) > 1:
            raise UnboundError(f"the box {box.name} has several wires at one side; a model supplies no such kernel")
        if not box.dom:
            return self._state(box, place)
        source, target = box.dom[0], box.cod[0]
        kind = self.kinds.setdefault(source, "contexts")
        if box.role == "encoder":
            self._set(target, "contexts", box)
            return lambda n: self._identity()
        if kind == "contexts":
            self._refuse_function(box)
            self._set(target, "tokens", box)
            rows = self.sampled.data if box.role == "data" else self.sampled.laws
            taken = self._taken(box.name, place if box.role == "" else 0, CONTEXTS)
            return lambda n: rows[taken(n)]
        self._set(target, "classes", box)
        return lambda n: self._merge(kind, n + place)

    def _state(self, box: Box, place: int) -> Callable[[int], Tensor]:
        self._refuse_function(box)
        if box.role == "contexts":
            self._set(box.cod[0], "contexts", box)
            return lambda n: self._uniform()
        self._set(box.cod[0], "tokens", box)
        rows = self.sampled.data if box.role == "data" else self.sampled.laws
        taken = self._taken(box.name, place, 1)
        return lambda n: rows[taken(n)[0]]

    def _refuse_function(self, box: Box) -> None:
        if box.deterministic:
            raise UnboundError(f"the box {box.name} is deterministic; a model's laws are not")

    def _set(self, kind: Object, what: str, box: Box) -> None:
        if self.kinds.setdefault(kind, what) != what:
            raise UnboundError(f"the box {box.name} gives {what} where the statement has {self.kinds[kind]}")

    def _rows(self, number: int, shift: int, count: int) -> Tensor:
        """Positions of one instance: a stride through the sample that depends on the instance and the box."""
        import torch

        size = len(self.sampled.hidden)
        return (torch.arange(count) * 7 + number * count + shift * (size // 3 + 1)) % size

    def _uniform(self) -> Tensor:
        import torch

        return torch.full((CONTEXTS,), 1.0 / CONTEXTS, dtype=torch.float64)

    def _identity(self) -> Tensor:
        import torch

        return torch.eye(CONTEXTS, dtype=torch.float64)

    def _merge(self, kind: str, number: int) -> Tensor:
        """Tokens merged into classes: token w goes to class (a w + number) mod CLASSES."""
        import torch

        size = self._size(kind)
        classes = (torch.arange(size) * 5 + number) % min(CLASSES, max(1, size - 1))
        return torch.nn.functional.one_hot(classes, min(CLASSES, max(1, size - 1))).double()

    def _size(self, kind: str) -> int:
        tokens = self.sampled.laws.shape[1]
        sizes = {"contexts": CONTEXTS, "tokens": tokens, "axes": self.sampled.hidden.shape[1]}
        return {**sizes, "classes": min(CLASSES, max(1, tokens - 1))}[kind]

    def joint_size(self) -> int:
        """The number of entries of the law that the statement is about; 1 where it is about none."""
        about = self.statement.about
        return prod(self._size(self.kinds[part]) for part in about.cod) if about is not None else 1

    def assignment(self, number: int) -> Assignment:
        """The tensors of instance `number`."""
        from lmlaws.numerics.evaluate import Assignment

        hidden = self.sampled.hidden
        given = Assignment(sizes={kind: self._size(what) for kind, what in self.kinds.items()})
        given.boxes = {box: maker(number) for box, maker in self.makers.items()}
        given.heads = dict.fromkeys(self.statement.heads, (self.sampled.W, self.sampled.b))
        given.families = {family: hidden[rows(number)] for family, rows in self.families.items()}
        for vector, taken in self.vectors.items():
            here, *start = (hidden[rows(number)[0]] for rows in taken)
            if isinstance(vector, Point):
                given.points[vector] = here
            else:
                given.directions[vector] = here - start[0]
        return given


def model_engines(quick: bool, progress: Any = None) -> tuple[Engine, ...]:
    """The engines of the models that an audit trains or finds in the cache: real text, and a known source.

    `quick` takes the small recipes. `progress(done, total, text)` is told of trainings.
    """
    from lmlaws.numerics.training import SOURCE, SOURCE_SMALL, STDLIB, STDLIB_SMALL, ensure

    recipes = (STDLIB_SMALL, SOURCE_SMALL) if quick else (STDLIB, SOURCE)
    return tuple(ModelEngine(sample(recipe, ensure(recipe, progress=progress))) for recipe in recipes)


def sample(recipe: Any, folder: Path, count: int = 512) -> Sampled:
    """Positions of a trained model on its held-out text, with the data's law: exact on a source, else point masses."""
    import torch

    from lmlaws.numerics.models import load
    from lmlaws.numerics.training import held_out_ids

    model = load(folder, dtype=torch.float64)
    ids = held_out_ids(recipe, model.tokenizer, 16 * count)
    return sampled(model, ids, recipe.name, count, recipe.source)


def sampled(
    model: LanguageModel, ids: Sequence[int] | Tensor, name: str, count: int = 512, source: Source | None = None
) -> Sampled:
    """Positions of a model (in float64) on a text; at most `count`, fewer where the vocabulary is large."""
    import hashlib

    import torch

    from lmlaws.numerics.folders import weight_files
    from lmlaws.numerics.positions import data_laws
    from lmlaws.numerics.tokenised import Places

    if len(ids):
        model.verify(ids[: model.context])
    positions = model.positions(ids, min(count, max(CONTEXTS, MOST_ENTRIES // model.vocabulary)))
    if source is not None:
        positions, data = data_laws(source, positions)
        data_is = "exact law of the source"
    else:
        data = torch.zeros(len(positions), model.vocabulary, dtype=torch.float64)
        data[torch.arange(len(positions)), positions.next_ids] = 1.0
        data_is = "point mass of the next token"
    weights, bias = model.W.double(), model.b.double()
    laws = (positions.hidden @ weights.T + bias).softmax(1)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in weight_files(model.folder))).hexdigest()
    places = Places(positions, model.tokenizer)
    return Sampled(name, digest, positions.hidden, laws, data, data_is, weights, bias, places)
