"""The engine that runs a claim on a language model.

A claim quantifies over sorts; a model supplies instances of them: its own head (W, b), hidden states at positions of
a text as points, their differences as directions, its output laws as laws and as rows of kernels from contexts, the
data's law where it is known (else the next token's point mass), merging of tokens as deterministic kernels. What
comes out counts as *holds* only if the same run refutes one of the claim's twins at the same positions; otherwise it
has no power. A violation counts only beyond the rounding error's bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmlaws.theory.expressions import Dimension, Equal, Expr, Rank, Symbol, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object

from .engine import Budget, Engine
from .verdicts import Holds, Refuted, Undecided, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from lmlaws.numerics.evaluate import Assignment

CONTEXTS = 24
"""Contexts in one instance of a claim about a law of contexts."""

INSTANCES, FEW = 32, 4
"""Instances of a claim on one model; few where its joint law is larger than SMALL. The clock never decides how many."""

SMALL = 2**16

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
            if isinstance(node, Symbol):
                return f"the symbol {node.name} has no meaning on a model"
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
        binding = Binding(statement, self.sampled)
        count = INSTANCES if binding.joint_size() <= SMALL else FEW
        for number in range(count):
            if not budget.left():
                return Undecided(self.name, f"time: {number} of {count} instances in {budget.seconds:g} s")
            gap = measure(statement, binding.assignment(number))
            if gap.violated:
                return Refuted(self.name, counterexample=self._counterexample(gap, number))
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

    def _counterexample(self, gap: Gap, number: int) -> dict[str, Any]:
        return {
            "kind": "model",
            "model": self.sampled.name,
            "instance": number,
            "left": repr(gap.left),
            "right": repr(gap.right),
            "bound": repr(gap.bound),
        }


@dataclass(frozen=True)
class Gap:
    """Both sides at the worst place of an instance, how far they are apart, and the bound of the rounding error."""

    left: float
    right: float
    gap: float
    bound: float
    violated: bool


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
    )


class UnboundError(ValueError):
    """A sort that a model does not supply; the message says which."""


class Binding:
    """What of the model stands for each box of a statement. Raises UnboundError for a box that has no counterpart."""

    def __init__(self, statement: Statement, sampled: Sampled) -> None:
        self.statement, self.sampled = statement, sampled
        self.kinds: dict[Object, str] = {head.tokens: "tokens" for head in statement.heads}
        self.makers: dict[Box, Callable[[int, int], Tensor]] = {}
        states_first = sorted(statement.boxes, key=lambda box: (bool(box.dom), not box.role))
        for place, box in enumerate(states_first):
            self.makers[box] = self._maker(box, place)
        for kind in statement.objects:
            if kind not in self.kinds:
                raise UnboundError(f"nothing on a model has the alphabet {kind}")

    def _maker(self, box: Box, place: int) -> Callable[[int, int], Tensor]:
        if len(box.cod) != 1 or len(box.dom) > 1:
            raise UnboundError(f"the box {box.name} has several wires at one side; a model supplies no such kernel")
        if not box.dom:
            return self._state(box, place)
        source, target = box.dom[0], box.cod[0]
        kind = self.kinds.setdefault(source, "contexts")
        if box.role == "encoder":
            self._set(target, "contexts", box)
            return lambda n, v: self._identity(n)
        if kind == "contexts":
            self._refuse_function(box)
            self._set(target, "tokens", box)
            rows = self.sampled.data if box.role == "data" else self.sampled.laws
            return lambda n, v: rows[self._rows(n, place if box.role == "" else 0, CONTEXTS)]
        self._set(target, "classes", box)
        return lambda n, v: self._merge(kind, n + place)

    def _state(self, box: Box, place: int) -> Callable[[int, int], Tensor]:
        self._refuse_function(box)
        if box.role == "contexts":
            self._set(box.cod[0], "contexts", box)
            return lambda n, v: self._uniform()
        self._set(box.cod[0], "tokens", box)
        rows = self.sampled.data if box.role == "data" else self.sampled.laws
        return lambda n, v: rows[self._rows(n, place, 1)[0]]

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

    def _identity(self, number: int) -> Tensor:
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
        return {"contexts": CONTEXTS, "tokens": tokens, "classes": min(CLASSES, max(1, tokens - 1))}[kind]

    def joint_size(self) -> int:
        """The number of entries of the law that the statement is about; 1 where it is about none."""
        about = self.statement.about
        return prod(self._size(self.kinds[part]) for part in about.cod) if about is not None else 1

    def assignment(self, number: int) -> Assignment:
        """The tensors of instance `number`."""
        from lmlaws.numerics.evaluate import Assignment
        from lmlaws.theory.expressions import Direction, Point

        hidden = self.sampled.hidden
        given = Assignment(sizes={kind: self._size(what) for kind, what in self.kinds.items()})
        given.boxes = {box: maker(number, 0) for box, maker in self.makers.items()}
        given.heads = dict.fromkeys(self.statement.heads, (self.sampled.W, self.sampled.b))
        vectors = dict.fromkeys(node for node in walk(self.statement) if isinstance(node, Point | Direction))
        for place, vector in enumerate(vectors):
            here = hidden[self._rows(number, place, 1)[0]]
            if isinstance(vector, Point):
                given.points[vector] = here
            else:
                given.directions[vector] = here - hidden[self._rows(number, place + 1, 1)[0]]
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
    import hashlib

    import torch

    from lmlaws.numerics.models import load
    from lmlaws.numerics.positions import data_laws
    from lmlaws.numerics.training import held_out_ids

    model = load(folder, dtype=torch.float64)
    ids = held_out_ids(recipe, model.tokenizer, 16 * count)
    model.verify(ids[: model.context])
    positions = model.positions(ids, count)
    if recipe.source is not None:
        positions, data = data_laws(recipe.source, positions)
        data_is = "exact law of the source"
    else:
        data = torch.nn.functional.one_hot(positions.next_ids, model.vocabulary).double()
        data_is = "point mass of the next token"
    weights, bias = model.W.double(), model.b.double()
    laws = (positions.hidden @ weights.T + bias).softmax(1)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return Sampled(recipe.name, digest, positions.hidden, laws, data, data_is, weights, bias)
