"""The kind `identity`: both sides and the stated normal form are one polynomial.

`infinities` sees to it that no logarithm is split where one infinity stands against another.
"""

from fractions import Fraction
from itertools import islice, permutations

from .expansion import Expansion, Scope, order
from .printing import expression
from .programs import Node, typed
from .reading import RENAMINGS, Refusal, fields, indices, need, shown
from .statement import Reader, Statement


def check_identity(statement: Statement, reader: Reader, terms: bool, steps: object) -> None:
    """Refuse unless left, right and the stated normal form agree."""
    _, left, right = statement.holds
    raw, uses = fields(steps, ("normal", "uses"), "steps")
    reader.free = set()
    normal, free = reader.node(raw, "expr"), sorted(reader.free)
    work = Expansion(statement.about, statement.unfolded)
    use(work, statement, uses)
    letters: tuple[Node, ...] = ()
    if terms:
        ins, outs = typed(left)
        letters = tuple(("Letter", at, x) for at, x in enumerate(ins + outs))  # numbers, not names: nowhere else
        left, right = (("Entry", side, letters[: len(ins)], letters[len(ins) :]) for side in (left, right))
    for side in (left, right):  # the normal form is a witness, no part of the statement
        infinities(side)
    wanted = work.frozen(work.expand(left, {}))
    need(work.frozen(work.expand(right, {})) == wanted, "left and right have different normal forms")
    for naming in islice(permutations(letters, len(free)), RENAMINGS) if terms else [()]:
        scope: Scope = dict(zip(free, naming))  # `normal` may call the letters of two terms as it likes
        if all(x[2] == letter[2] for x, letter in scope.items()) and work.frozen(work.expand(normal, scope)) == wanted:
            return
    raise Refusal("'normal' is not the normal form of the two sides")


def _plain(node: Node) -> bool:
    """Whether an expression is finite, without letters, and the same at every point."""
    return node[0] in ("Const", "Symbol", "Size") or (node[0] in ("Add", "Mul") and all(map(_plain, node[1])))


def use(work: Expansion, statement: Statement, raw: object) -> None:
    """Let relations of given count: Logit(u, w) = e for all w, the sum of a column = 1, f >> g = h."""
    for at in indices(raw, len(statement.given), "uses"):
        relation, left, right = statement.given[at]
        need(relation == "Equal", f"relation {at} of given is no equation")
        if left[0] == "Logit" and left[1][0] == "Direction" and _plain(right):
            work.rewrites[left[1]] = work.frozen(work.expand(right, {}))
            continue
        if left[0] == "Seq" and [part[0] for part in (*left[1], right)] == ["Box"] * 3 and left[1][0][3]:
            work.products.setdefault(left[1][0], []).append((left[1][1], right))
            continue
        entry = left[2] if left[0] == "Sum" and left[2][0] == "Entry" and right == ("Const", 1) else ("", "", (), ())
        letters = entry[2] + entry[3]
        good = entry[1] and entry[1][0] == "Box" and len({*letters}) == len(letters) and left[1] in entry[2]
        need(good, f"relation {at} of given is neither Logit(direction, letter) = e nor a column = 1 nor f >> g = h")
        place = letters.index(left[1])
        work.columns.setdefault(entry[1], []).append(range(place, place + 1))


def infinities(node: Node) -> set[int]:
    """The infinities (+1, -1) that an expression can take; refused where it can take both or that is not seen."""
    kind, found = node[0], set[int]()
    if kind == "DivergenceOf":
        (family, a), bare = order(node[1]), len(node) > 5
        return {1} if a >= 1 or (family == "renyi" and not bare) or (a <= 0) else found
    if kind == "Sum":
        return infinities(node[2])
    if kind == "Add":
        found = found.union(*[infinities(part) for part in node[1]])
    elif kind in ("Mul", "Log", "Pow"):
        found = _product(node[1] if kind == "Mul" else (node,))
    elif kind in ("Exp", "Abs", "Derivative"):
        _finite(node[1], kind)
    if len(found) > 1:
        raise Refusal(f"{shown(expression(node))} may set infinity against infinity")
    return found


def _finite(node: Node, where: str) -> None:
    if infinities(node):
        raise Refusal(f"{shown(expression(node))} may be infinite inside {where}")


def powers(*nodes: Node) -> list[tuple[Node, Fraction]]:
    """The factors of a product as bases and exponents."""
    return [(node[1], node[2]) if node[0] == "Pow" else (node, Fraction(1)) for node in nodes]


def _positive(node: Node) -> bool:
    if node[0] == "Add":
        return any(map(_positive, node[1])) and all(map(sign_is_known, node[1]))
    return node[0] in ("Softmax", "Exp", "Size") or (node[0] == "Const" and node[1] > 0)


def _factor(node: Node, others: tuple[Node, ...]) -> set[int]:
    """The infinities of one factor of a product; where a cofactor vanishes the whole product is 0."""
    if node[0] not in ("Pow", "Log"):
        return infinities(node)
    covered = [base for base, exponent in powers(*others) if exponent > 0]
    found = set()
    inside = node if node[0] == "Pow" else node[1]
    if inside[0] == "Add" and _positive(inside) and infinities(inside) == {1}:
        return {1}  # the log of what is at least a positive number
    for base, exponent in powers(*(inside[1] if inside[0] == "Mul" else (inside,))):
        _finite(base, "a power or logarithm")
        if not _positive(base) and base not in covered and (exponent < 0 or node[0] == "Log"):
            found.add(1 if exponent < 0 else -1)
    return found


def _product(factors: tuple[Node, ...]) -> set[int]:
    found = [_factor(node, factors[:at] + factors[at + 1 :]) for at, node in enumerate(factors)]
    infinite = [at for at, signs in enumerate(found) if signs]
    sign = 1
    for at, node in enumerate(factors if infinite else ()):
        if node[0] == "Const" and node[1] < 0:
            sign = -sign
        elif at != infinite[0] and (at in infinite or not sign_is_known(node)):
            raise Refusal(f"{shown(expression(node))} stands beside what may be infinite, and its sign is not known")
    return {sign * one for at in infinite for one in found[at]}


def sign_is_known(node: Node) -> bool:
    """Whether the shape of an expression shows that it is >= 0."""
    kind = node[0]
    if kind == "Sum":
        return sign_is_known(node[2])
    if kind == "Pow":
        return sign_is_known(node[1]) and (node[2] > 0 or _positive(node[1]))
    if kind in ("Mul", "Add"):
        *_, last = node[1]
        entry = last[1][-1] if kind == "Add" and last[0] == "Mul" else ("",)
        less = (("Const", 1), ("Mul", (("Const", -1), entry)))  # 1 minus a probability
        return all(map(sign_is_known, node[1])) or (node[1] == less and entry[0] in ("Entry", "Softmax"))
    known = ("Entry", "Softmax", "Size", "Exp", "Abs", "DivergenceOf")
    return kind in known or (kind == "Const" and bool(node[1] >= 0))
