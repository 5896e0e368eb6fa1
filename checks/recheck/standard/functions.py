"""Logarithms, exponentials, absolute values, powers and derivatives of polynomials (rules 4 to 7)."""

from fractions import Fraction
from math import gcd, lcm

from .algebra import (
    NESTED,
    NEVER_ZERO,
    ONCE,
    ONE,
    UNIT,
    Atom,
    Factors,
    Frozen,
    Letter,
    Letters,
    Poly,
    Power,
    Ring,
    letters_of,
    total_of,
)
from .programs import Node
from .reading import EXPONENT, bounded, combined, need, within
from .statement import head_of

NONNEGATIVE = ("entry", "softmax", "size", "dimension", "delta", "exp", "abs", "pow")


def number(value: Fraction | int) -> Poly:
    """A constant polynomial."""
    return {UNIT: Fraction(value)} if value else {}


def primes(value: Fraction) -> dict[int, int]:
    """A positive rational as powers of small primes and of what is left, prime or not."""
    found: dict[int, int] = {}
    for rest, sign in ((value.numerator, 1), (value.denominator, -1)):
        for divisor in range(2, min(10_000, rest + 1)):
            while rest % divisor == 0:
                found[divisor], rest = found.get(divisor, 0) + sign, rest // divisor
        if rest > 1:
            found[rest] = found.get(rest, 0) + sign
    return found


def nonnegative(frozen: Frozen, term_by_term: bool = False) -> bool:
    """Whether the polynomial is seen to be >= 0: term by term, or as c - sum of c_i m_i with 0 <= m_i <= 1 (rule 6)."""
    if all(value > 0 and all(atom[0] in NONNEGATIVE for atom, _ in factors) for (_, factors), value in frozen):
        return True
    rest = dict(frozen)
    constant = rest.pop(UNIT, Fraction(0))
    small = [atom[0] in ("entry", "softmax", "delta") and to[0] >= 0 for _, factors in rest for atom, to in factors]
    below = constant >= sum(map(abs, rest.values())) and not any(bound for bound, _ in rest)
    return below and all(small) and not term_by_term


def parts_of(bound: set[Letter], factors: Factors) -> list[Frozen]:
    """A product under sums as a product of sums: factors that share a bound letter stay together."""
    parts: list[tuple[set[Letter], Factors]] = []
    for factor in factors:
        letters = letters_of(factor[0]) & bound
        joined, parts = [p for p in parts if p[0] & letters], [p for p in parts if not p[0] & letters]
        parts.append(
            (letters.union(*[own for own, _ in joined]), [*[f for _, inside in joined for f in inside], factor])
        )
    return [(((tuple(sorted(letters, key=repr)), tuple(inside)), ONE),) for letters, inside in parts]


class Functions(Ring):
    """A ring with nested atoms."""

    rewrites: dict[Node, Frozen]  # what `given` says of Logit(direction, any letter)
    unfolded: set[Node]  # the heads whose logits are sums over coordinates (rule 9)

    def raised(self, atom: Atom, renaming: dict[Letter, Letter], to: Power) -> Poly:
        base = self.substitute(atom[1], renaming)
        if atom[0] != "pow":
            base = {"log": self.log, "exp": self.exp, "abs": self.abs}[atom[0]](base)
        zero = to[0] <= 0 and to[1]
        return self.times(base, self.power(base, to[0] - 1)) if zero else self.power(base, to[0])

    def logit(self, vector: Node, letters: Letters) -> Poly:
        """Logit(vector, letter), rewritten where `given` says what it is; a family's letter comes first."""
        known, head = self.rewrites.get(vector), head_of(vector)
        if known is not None or head not in self.unfolded:
            return self.atom("logit", vector, letters) if known is None else self.substitute(known, {})
        axis, token = self.fresh(f"axes({head[1]})"), letters[-1:]
        rows = self.atom("embedding", head, (*token, axis)), self.atom("coordinate", vector, (*letters[:-1], axis))
        product = self.summed(self.times(*rows), (axis,))
        return product if vector[0] == "Direction" else total_of([product, self.atom("bias", head, token)])

    def content(self, frozen: Frozen) -> tuple[Fraction, Factors, Frozen]:
        """A positive rational, common nonnegative factors, and the rest (empty for 1), whose product it is."""
        scale = bounded(Fraction(gcd(*[v.numerator for _, v in frozen]), lcm(*[v.denominator for _, v in frozen])))
        bound, alone = {x for (letters, _), _ in frozen for x in letters}, len(frozen) == 1
        common: dict[Atom, Power] = {}
        for atom, to in frozen[0][0][1]:
            least = min(dict(factors).get(atom, (0, False))[0] for (_, factors), _ in frozen)
            if atom[0] in NONNEGATIVE and not letters_of(atom) & bound and (alone or least > 0):
                common[atom] = to if alone else (Fraction(least), atom[0] not in NEVER_ZERO)
        rest, out = Frozen(), {atom: to[0] for atom, to in common.items()}
        for (letters, factors), value in frozen:
            kept = [(a, (k - out.get(a, 0), zero)) for a, (k, zero) in factors if a not in out or k > out[a]]
            rest += (((letters, tuple(kept)), bounded(value / scale)),)
        parts = parts_of(bound, kept)
        if alone and nonnegative(frozen, True) and len(parts) > 1:
            pieces = [self.frozen(self.substitute(part, {})) for part in parts]
            return scale, [*common.items(), *[(("pow", piece, ()), ONCE) for piece in pieces]], ()
        again = self.frozen(self.substitute(rest, {}))
        return scale, [*common.items()], () if again == ((UNIT, ONE),) else again

    def log(self, poly: Poly) -> Poly:
        """The logarithm; refused unless the polynomial is seen to be nonnegative."""
        frozen = self.frozen(poly)
        scale, common, rest = self.content(frozen) if frozen else (ONE, [], ((UNIT, -ONE),))
        # log (q q^-1) is not log q - log q
        good = nonnegative(rest) and not any(zero and k <= 0 for _, (k, zero) in common)
        need(good, "the logarithm of 0, of q q^-1, or of what is not seen to be nonnegative")
        parts = [(self.atom("log", ((UNIT, Fraction(n)),)), Fraction(count)) for n, count in primes(scale).items()]
        split = [(self._log_atom(*atom), exponent) for atom, (exponent, _) in common]
        split.append((self.atom("log", rest) if rest else {}, ONE))
        above, below = (set[object]().union(*[part for part, k in split if (k > 0) == up]) for up in (True, False))
        need(above.isdisjoint(below), "the logarithm of E E^-1 for a sum E, which is 0 where E is")
        return combined([*parts, *split])

    def _log_atom(self, kind: str, data: Frozen, letters: tuple[Letter, ...]) -> Poly:
        if kind == "softmax":
            return combined([(self.logit(data, letters), 1), (self.atom("logpartition", data, letters[:-1]), -1)])
        if kind in ("exp", "pow"):
            inside = self.substitute(data, {})
            return inside if kind == "exp" else self.log(inside)
        return self.atom("log", self.frozen(self.atom(kind, data, letters)))

    def exp(self, poly: Poly) -> Poly:
        """The exponential; exp 0 = 1."""
        frozen = self.frozen(poly)
        return self.atom("exp", frozen) if frozen else number(1)

    def abs(self, poly: Poly) -> Poly:
        """The absolute value."""
        frozen = self.frozen(poly)
        scale, common, rest = self.content(frozen) if frozen else (ONE, [], ())
        if nonnegative(rest):
            return poly
        inside = self.frozen(combined([(dict(rest), -1 if rest[0][1] < 0 else 1)]))
        absolute = dict(inside) if nonnegative(inside) else self.atom("abs", inside)
        return self.times(self.term(scale, (), common), absolute)

    def power(self, poly: Poly, to: Fraction) -> Poly:
        """A rational power; other than positive integers only of what is seen to be nonnegative."""
        frozen = self.frozen(poly)
        need(to > 0 or (to < 0 and frozen), "0 to a negative power, or the power 0")
        if not frozen or to == 1:
            return poly
        if to.denominator == 1 and to > 0:
            (bound, single), value = frozen[0]
            if len(frozen) == 1 and not bound:
                return self.term(bounded(value, int(to)), (), [(a, (k * to, zero)) for a, (k, zero) in single])
            within(int(to), EXPONENT, f"a power above {EXPONENT} of a sum")
            return self.times(*[poly] * int(to))
        scale, common, rest = self.content(frozen)
        vanishing = [atom for atom, (exponent, _) in common if exponent <= 0 and atom[0] not in NEVER_ZERO]
        good = nonnegative(rest) and not (to < 0 and vanishing)
        need(good, f"the power {to} of what is not seen to be nonnegative and finite")
        factors = [(atom, (exponent * to, zero and to > 0)) for atom, (exponent, zero) in common]
        factors += [(("pow", rest, ()), (to, to > 0))] if rest else []
        constant = ONE
        for n, count in primes(scale).items():
            whole = count * to // 1
            constant = bounded(constant * bounded(Fraction(n) if whole > 0 else Fraction(1, n), abs(whole)))
            if count * to != whole:
                factors.append((("pow", ((UNIT, Fraction(n)),), ()), (count * to - whole, True)))
        return self.term(constant, (), factors)

    def derivative(self, poly: Poly, point: Node, along: Node) -> Poly:
        """The directional derivative at a point."""
        rows = []
        for (bound, factors), value in poly.items():
            for at, (atom, (k, _)) in enumerate(factors):
                change = self._change(atom, point, along)
                rest = [*factors[:at], *factors[at + 1 :], *([(atom, (k - 1, k > 1))] if k != 1 else [])]
                rows.append((self.multiplied(value, bound, rest, [change]) if change else {}, k))
        return combined(rows)

    def _change(self, atom: Atom, point: Node, along: Node) -> Poly:
        """The derivative of an atom."""
        kind, data, letters = atom
        if kind in NESTED:
            base = self.substitute(data, {})
            inside = self.derivative(base, point, along)
            if not self.frozen(inside):
                return {}
            need(kind in (("log", "pow") if point[0] == "size" else ("exp",)), "the derivative of {}", kind)
            by = {"log": lambda: self.power(base, -ONE), "exp": lambda: self.atom(*atom), "pow": lambda: number(1)}
            return self.times(inside, by[kind]())
        if (kind, data) == point:
            return number(1)
        if kind not in ("softmax", "logpartition", "logit", "coordinate") or data != point:
            return {}
        if kind in ("logit", "coordinate"):
            return self.logit(along, letters) if kind == "logit" else self.atom(kind, along, letters)
        over = (self.fresh(point[2][2]),)
        mean = self.summed(self.times(self.atom("softmax", point, over), self.logit(along, over)), over)
        centred = combined([(self.logit(along, letters) if letters else {}, 1), (mean, -1)])
        return mean if kind == "logpartition" else self.times(self.atom(*atom), centred)
