"""The command line. Names, options, exit codes and JSON fields are a contract: see `lmlaws --help` and exits.py.

Each command is declared here and done in `lmlaws.commands`, which is imported only when it runs: `lmlaws prove`
answers in a fraction of a second.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .exits import DONE, USAGE, Boundary
from .terminal import note, prepare_streams, say

if TYPE_CHECKING:
    from .theory.claims import Claim

HELP = """Claims about language models, stated once: proved with certificates, refuted exactly, or measured on models.

\b
First steps
  lmlaws prove 'I(X;Z) <= I(X;Y) given X -> Y -> Z'
  lmlaws eval 'I(X;Y)' --law joint.json
  lmlaws audit               decide the whole catalogue, write a report
  lmlaws explain C4          all about one claim
  lmlaws measure --model gpt2/ --text book.txt
  lmlaws new my_claims.py    a claim file to start from

\b
Exit codes
  0 proved, as expected, done      64 usage, a malformed statement included
  1 refuted, not as expected       65 malformed data (claim, law, model, text)
  2 undecided                      70 internal error    130 interrupted
"""

app = typer.Typer(
    help=HELP,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 80},
)

# A statement may begin with a minus sign: what is no option of ours is text.
TEXT_MAY_BEGIN_WITH_MINUS = {"ignore_unknown_options": True}
SECONDS = 20.0

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for results, certificates and the report.")]

Expect = Annotated[
    Path | None,
    typer.Option("--expect", metavar="FILE", help="Fail only where a verdict is not the one in FILE, earlier JSON."),
]
Junit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, a case a claim and twin.")
]
Page = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the report, an HTML file.")]
ModelFolder = Annotated[Path, typer.Option("--model", metavar="DIR", help="The model's folder.")]
TextFile = Annotated[Path, typer.Option("--text", metavar="FILE", help="A text, UTF-8.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        say(f"lmlaws {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _begin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> int:
    if context.invoked_subcommand is None:
        note(context.get_help())
        return USAGE
    return DONE


def _seconds(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a number of seconds greater than 0")
    return value


def _minutes(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a number of minutes greater than 0")
    return value


@app.command(context_settings=TEXT_MAY_BEGIN_WITH_MINUS)
def prove(
    statement: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="In quotes; - reads one a line from stdin (needs --json).")
    ],
    as_json: Json = False,
    timeout: Annotated[
        float, typer.Option(metavar="S", callback=_seconds, help="Seconds that one engine may take.")
    ] = SECONDS,
    save: Annotated[Path | None, typer.Option(metavar="CERT", help="Write the proof's certificate here.")] = None,
) -> int:
    """Decide one statement.

    \b
    Examples
      lmlaws prove 'I(X;Z) <= I(X;Y) given X -> Y -> Z'
      lmlaws prove 'I(X;Y|Z) <= I(X;Y)'
      lmlaws prove 'det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k'
      lmlaws prove 'p, q: law |- sum(-p*log(q)) = KL(p,q) + H(p)'
      lmlaws prove 'p, q: law on 2 |- TV(p,q)^2 <= 49/100*KL(p,q)'
      lmlaws prove 'p: law |- HD[TV](p) = 1 - sum(p^2)'
      lmlaws prove 'H(X,Y) <= H(X) + H(Y)' --save proof.json
      lmlaws prove - --json < statements.txt

    Exit 0 proved, 1 refuted, 2 undecided. A bad line of a stream, an empty one included, gives
    {"error", "line", "column"}; the stream goes on and the exit code is 65 at its end.
    """
    from .commands import prove as command

    if statement != "-":
        return command.prove(statement, as_json=as_json, seconds=timeout, save=save)
    if not as_json or save is not None:
        raise typer.BadParameter("`prove -` reads a stream: it needs --json and takes no --save")
    return command.prove_stream(sys.stdin, seconds=timeout)


@app.command("eval", context_settings=TEXT_MAY_BEGIN_WITH_MINUS)
def evaluate(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help="In quotes: a sum of quantities.")],
    law: Annotated[Path, typer.Option(metavar="FILE", help="JSON: a joint law, or laws by name.")],
    as_json: Json = False,
) -> int:
    """Evaluate quantities on a law, exactly.

    \b
    Examples
      lmlaws eval 'I(X;Y|Z) - I(X;Y)' --law joint.json
      lmlaws eval 'log|X| - H(X)' --law joint.json --json
      lmlaws eval 'D(KL; p, q) + H(p)' --law laws.json
      lmlaws eval 'HD(renyi:3/2; p)' --law laws.json

    \b
    A joint law (the last variable runs fastest), and laws by name
      {"vars": ["X","Y"], "sizes": [2,2], "law": ["1/2","0","0","1/2"]}
      {"laws": {"p": ["1/2","1/3","1/6"], "q": ["0.5","0.5","0"]}}

    What `lmlaws prove --json` prints on refuting is a joint law too. Divergences: KL, reverse_KL, TV, chi2, hellinger2,
    JS, triangular, renyi:ALPHA, alpha:ALPHA. Exit 0 when there is a value, infinity included; 64 for a malformed
    EXPR or a name that FILE has not; 65 for a malformed FILE, and for inf - inf.
    """
    from .commands import evaluate as command

    return command.evaluate(expression, law, as_json=as_json)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Python files with claims, or folders.")],
    as_json: Json = False,
    expect: Expect = None,
    junit: Junit = None,
    report: Page = None,
) -> int:
    """Judge claims of your own files.

    \b
    Examples
      lmlaws check my_claims.py
      lmlaws check claims/ --report claims.html
      lmlaws check claims/ --json > verdicts.json
      lmlaws check claims/ --expect verdicts.json --junit junit.xml

    The files are Python and run as your own code; every exact engine judges their claims. Exit 0 when all are as
    expected, 1 when some are not, 2 when some are undecided. With --expect it is 1 where a verdict is not that of FILE
    (what --json printed, or an audit's results.json), else 0; a claim that FILE has not must be as expected.
    """
    from .commands import audit as command
    from .outcomes import Outcome

    return command.check(paths, Outcome.wanted(expect, junit), as_json=as_json, report=report)


@app.command()
def audit(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", hidden=True)] = None,
    out: Out = Path("out"),
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID...", help="These claims only; D5 takes D5.a, D5.b.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller models, fewer instances.")] = False,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Judge in N processes.")] = 1,
    expect: Expect = None,
    junit: Junit = None,
) -> int:
    """Judge the whole catalogue and write the report.

    \b
    Examples
      lmlaws audit
      lmlaws audit --quick --only C4 D5
      lmlaws audit --out /tmp/audit --workers 2
      lmlaws audit --expect verdicts.json --junit junit.xml

    Every engine that can read a claim judges it. Writes results.json, certificates/ and report.html. Interrupted,
    it goes on where it was. Exit 0 when all are as expected, 1 when some are not, 2 when some are undecided; with
    --expect 1 where a verdict is not that of FILE (an earlier results.json), else 0.
    """
    from .commands import audit as command
    from .outcomes import Outcome

    wanted = [part for text in (*(only or ()), *(ids or ())) for part in text.replace(",", " ").split()]
    return command.audit(out, _known(wanted), Outcome.wanted(expect, junit), quick=quick, workers=workers)


@app.command()
def measure(
    model: ModelFolder,
    text: TextFile,
    as_json: Json = False,
    draft: Annotated[
        float | None, typer.Option(metavar="MINUTES", callback=_minutes, help="Train a draft head for so long.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a record a position: .npz, or JSON lines.")
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Windows at work at once; changes no number.")] = 1,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads; all processors if not given; changes no number.")
    ] = None,
) -> int:
    """Measure one model on one text.

    \b
    Examples
      lmlaws measure --model gpt2/ --text book.txt
      lmlaws measure --model gpt2/ --text book.txt --json > book.json
      lmlaws measure --model gpt2/ --text book.txt --records positions.npz
      torchrun --nproc-per-node 8 -m lmlaws measure --model gpt2/ --text book.txt

    The folder holds config.json, *.safetensors and tokenizer.json of a causal language model with a linear head. The
    text (UTF-8) is cut into windows of the context length; every token but a window's first is predicted from those
    before it in the window. Printed are loss, entropies, the pullback metric's spectrum and more, each with an interval
    (bootstrap over windows, 95%) and a control.

    Progress is kept in $LMLAWS_CACHE (else ~/.cache/lmlaws): killed, the same command goes on. Batch, workers and
    processes change no bit of the result. Exit 0 when measured; 65 for a model that is refused, for a text that is not
    UTF-8 or has no token to predict, and where there is too little memory; what is wrong is named.
    """
    from .commands import measure as command
    from .numerics.job import Settings

    threads = workers or command.processors()
    return command.measure(Settings(model, text, draft, records, batch, threads), as_json=as_json)


@app.command()
def validate(
    claim: Annotated[Path, typer.Argument(metavar="CLAIM.py", help="A Python file with claims.")],
    model: ModelFolder,
    text: TextFile,
    as_json: Json = False,
    expect: Expect = None,
    junit: Junit = None,
) -> int:
    """Judge claims of your own file, on exact instances and on a model.

    \b
    Examples
      lmlaws validate my_claim.py --model gpt2/ --text book.txt
      lmlaws validate my_claim.py --model gpt2/ --text book.txt --json

    Every exact engine judges the claims, as in `lmlaws check`; then the model supplies instances: its laws, head and
    hidden states at positions of the text. A violation beyond the rounding error's bound refutes, and is shown with its
    place in the text. Without a violation a claim holds on the model only if one of its twins falls at the same
    positions; else there is no power here. Exit 0 when all are as expected, 1 when some are not, 2 when some are
    undecided or no position was tried; with --expect 1 where a verdict is not that of FILE (what --json printed), else
    0, or 2 without a position; 65 for a bad claim file, model or text.
    """
    from .commands import validate as command
    from .outcomes import Outcome

    return command.validate(claim, model, text, Outcome.wanted(expect, junit), as_json=as_json)


@app.command()
def recheck(
    certificates: Annotated[list[Path], typer.Argument(metavar="CERT...", help="JSON files.")],
    statement: Annotated[str | None, typer.Option(metavar="S", help="What each must prove.")] = None,
    claim: Annotated[str | None, typer.Option(metavar="ID", help="The claim that each must prove.")] = None,
) -> int:
    """Check certificates and print what they prove.

    \b
    Examples
      lmlaws recheck proof.json
      lmlaws recheck proof.json --statement 'I(X;Z) <= I(X;Y) given X -> Y -> Z'
      lmlaws recheck out/certificates/C4+mended.json --claim C4

    Exit 0 when all are accepted, 1 when one is rejected, 65 when one cannot be read.
    """
    from .commands import recheck as command
    from .theory.language import parse

    if statement is not None and claim is not None:
        raise typer.BadParameter("give --statement or --claim, not both")
    if statement is not None:
        return command.recheck(certificates, (parse(statement),))
    if claim is None:
        return command.recheck(certificates, ())
    found = _one(claim)
    return command.recheck(certificates, (found.statement, *((found.mended,) if found.mended is not None else ())))


@app.command()
def explain(
    claim: Annotated[str, typer.Argument(metavar="ID", help="A claim of the catalogue; D5 takes D5.a, D5.b.")],
    out: Out = Path("out"),
) -> int:
    """Tell all about one claim.

    \b
    Example
      lmlaws explain C4

    Statement, hypotheses, guards, engines, and its evidence in the last audit.
    """
    from .commands import catalogue as command
    from .theory.collect import catalogue, select

    for chosen in select(catalogue(), _known([claim])):
        command.explain(chosen, out)
    return DONE


@app.command("list")
def list_claims(as_json: Json = False) -> int:
    """List the claims of the catalogue.

    \b
    Examples
      lmlaws list
      lmlaws list --json
    """
    from .commands import catalogue as command

    return command.list_claims(as_json=as_json)


@app.command()
def report(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH...", help="Your claim files, if any.")] = None,
    out: Out = Path("out"),
) -> int:
    """Write the report of an audit again.

    \b
    Examples
      lmlaws report
      lmlaws report --out /tmp/audit

    Reads results.json in the folder and writes report.html beside it; judges nothing. Exit 0 when done, 65 where the
    folder holds no results.
    """
    from .commands import report as command

    return command.report(out, paths or [])


@app.command()
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("my_claims.py"),
) -> int:
    """Write a claim file to start from.

    \b
    Examples
      lmlaws new
      lmlaws new claims/entropy.py

    Three claims with comments, ready for `lmlaws check FILE`. Exit 0 when written, 65 where there is a file already.
    """
    from .commands import new as command

    return command.new(path)


@app.command()
def doctor() -> int:
    """Show what is installed and what is missing.

    \b
    Example
      lmlaws doctor

    Says for each missing thing the command that mends it. Exit 0 when all that an audit needs is there, else 1.
    """
    from .commands import doctor as command

    return command.doctor()


def _known(wanted: Sequence[str]) -> list[str]:
    """The ids, each of a claim of the catalogue. Raises BadParameter for another."""
    from .theory.collect import catalogue, select

    claims = catalogue()
    for identifier in wanted:
        try:
            select(claims, [identifier])
        except ValueError as problem:
            raise typer.BadParameter(str(problem)) from problem
    return list(wanted)


def _one(identifier: str) -> Claim:
    """The claim of the catalogue with this very id. Raises BadParameter where there is none, naming close ones."""
    from .theory.collect import catalogue

    claims = {claim.id: claim for claim in catalogue()}
    if identifier in claims:
        return claims[identifier]
    parts = [name for name in claims if name.startswith(identifier + ".")]
    instead = f"there are {', '.join(parts)}" if parts else "`lmlaws list` shows all"
    raise typer.BadParameter(f"no claim {identifier!r}; {instead}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console entry point: runs one command and exits with its code (see exits.py)."""
    prepare_streams()
    command = typer.main.get_command(app)
    with Boundary() as boundary:
        given = list(sys.argv[1:] if arguments is None else arguments)
        with command.make_context("lmlaws", given) as context:
            boundary.code = command.invoke(context)
        sys.stdout.flush()
    sys.exit(boundary.code)
