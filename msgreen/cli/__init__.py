"""The program `msgreen`: run a configuration, export a model, or examine the installation."""

import argparse
import gc
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgreen.cli.endings import exit_code_of, open_standard_files
from msgreen.cli.export import add_export
from msgreen.cli.report import common_options, say, show_warning
from msgreen.cli.results import program, write_outcome
from msgreen.cli.session import prepare
from msgreen.cli.signals import end_on_signals
from msgreen.cli.start import add_start
from msgreen.cli.view import add_view

EXAMPLES = """examples:
  msgreen init rashba au.toml         write a commented configuration to start from
  msgreen run                         compute the example of the Au(111) surface state
  msgreen run au.toml --out results   compute what a configuration file says
  msgreen spinmodel "Cr3/Pt(111)"     find the ground states of a spin model
  msgreen simulate model.json         heat a spin model: order, specific heat, cold state
  msgreen view results                show results on a page to turn about, in a browser
  msgreen export model.json --to spirit --out spirit
                                      hand a spin model to another program
  msgreen doctor                      examine the installation
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line by default.

    Returns
    -------
    int
        0 on success, 2 if an argument, the configuration or a folder is wrong, 1 if memory or
        room for the output does not suffice, 141 if nobody reads the output, 130 if interrupted.
        The program itself, which is `main` without arguments, ends at once by signals, with the
        exit code 128 plus their number.
    """
    if arguments is None:
        open_standard_files()
        end_on_signals()

    def command() -> int:
        options = _parser().parse_args(arguments)
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            return options.command(options)

    code = exit_code_of(command)
    if arguments is None:
        # The interpreter looks for garbage when it ends, for a second after a run, in vain.
        gc.freeze()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="msgreen",
        description="Magnetic exchange beyond Heisenberg from Green functions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=program())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_spinmodel(commands)
    _add_simulate(commands)
    add_view(commands)
    add_export(commands)
    doctor = commands.add_parser(
        "doctor",
        help="examine the installation",
        description="Say versions, devices, precision and threads, and what to mend.",
        parents=[common_options()],
    )
    doctor.set_defaults(command=_doctor)
    add_start(commands, parser)
    return parser


def _add_run(commands) -> None:
    run = commands.add_parser(
        "run",
        help="compute what a configuration file says",
        description="Compute interactions; write tables and pictures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common_options()],
    )
    run.add_argument(
        "config",
        nargs="?",
        type=Path,
        metavar="CONFIG.toml",
        help="the configuration, or iron or srmno3, examples with their files; by default the "
        "example of the Au(111) surface state",
    )
    run.add_argument(
        "--out",
        type=Path,
        default=Path("msgreen-output"),
        metavar="DIR",
        help="folder of the results (default: msgreen-output)",
    )
    run.add_argument(
        "--check", action="store_true", help="check the configuration, and compute nothing"
    )
    run.add_argument(
        "--resume",
        action="store_true",
        help="refuse what an interrupted run left in DIR.unfinished if anything has changed since",
    )
    run.add_argument(
        "--distributed",
        action="store_true",
        help="share the work with the other processes of SLURM or Open MPI; one of them writes",
    )
    run.set_defaults(command=_run)


def _add_spinmodel(commands) -> None:
    spinmodel = commands.add_parser(
        "spinmodel",
        help="find what states a spin model favours",
        description="Minimise a spin model from many starts; write tables and pictures.",
        parents=[common_options()],
    )
    spinmodel.add_argument(
        "model",
        nargs="?",
        default="Cr3/Pt(111)",
        metavar="MODEL",
        help="a file as for `export`, or a system of Brinker et al. (2020) such as Fe3/Re(0001) "
        "or Cr4/Pt(001) (default: Cr3/Pt(111))",
    )
    spinmodel.add_argument(
        "--out",
        type=Path,
        default=Path("msgreen-spinmodel"),
        metavar="DIR",
        help="folder of the results (default: msgreen-spinmodel)",
    )
    spinmodel.add_argument(
        "--box",
        nargs="+",
        type=int,
        default=[],
        metavar="N",
        help="cells of a lattice (6 where it couples)",
    )
    spinmodel.add_argument("--starts", type=int, default=256, help="random starts (default: 256)")
    spinmodel.add_argument("--seed", type=int, default=0, help="of the starts (default: 0)")
    spinmodel.add_argument(
        "--moments",
        nargs="+",
        type=float,
        default=[1.0],
        metavar="M",
        help="magnetic moments in Bohr magnetons for magnons of a lattice, one or one per site "
        "(default: 1)",
    )
    spinmodel.set_defaults(command=_spinmodel)


def _spinmodel(options: argparse.Namespace) -> int:
    prepare()
    folder = options.out
    with _status(options) as progress:
        from msgreen.cli.ground_states import ground_states
        from msgreen.io import read_model, replacing_files
        from msgreen.papers.brinker import published_model

        model = published_model(options.model) or read_model(options.model)
        names = ("states.csv", "states.nc", "model.json")
        with replacing_files("--out", folder, "spinmodel", names) as stage:
            outcome = ground_states(
                model,
                box=options.box,
                starts=options.starts,
                seed=options.seed,
                moments=options.moments,
                progress=progress,
            )
            files = write_outcome(outcome, stage, folder, "states", model)
    say(options, outcome.summary, files, [_about_model(folder / "model.json")])
    return 0


def _add_simulate(commands) -> None:
    simulate = commands.add_parser(
        "simulate",
        help="heat a spin model: energy, order and specific heat against temperature",
        description="Sample a spin model at several temperatures by Monte Carlo, and relax the "
        "coldest state. An interrupted simulation goes on when it is started again.",
        parents=[common_options()],
    )
    simulate.add_argument("model", metavar="MODEL", help="as for `spinmodel`")
    simulate.add_argument(
        "--out",
        type=Path,
        default=Path("msgreen-simulation"),
        metavar="DIR",
        help="folder of the results (default: msgreen-simulation)",
    )
    simulate.add_argument(
        "--temperatures",
        nargs="+",
        type=float,
        default=[],
        metavar="K",
        help="in kelvin: all of them, or the two ends of a range (default: around the order)",
    )
    simulate.add_argument(
        "--box",
        nargs="+",
        type=int,
        default=[],
        metavar="N",
        help="cells of a lattice (12 where it couples)",
    )
    simulate.add_argument(
        "--critical",
        action="store_true",
        help="find the critical temperature, with a second box of half the size",
    )
    for name, default, what in (
        ("samples", 2000, "records at every temperature"),
        ("interval", 1, "sweeps from one to the next"),
        ("seed", 0, "of the random numbers"),
    ):
        simulate.add_argument(
            f"--{name}", type=int, default=default, help=f"{what} (default: {default})"
        )
    simulate.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    prepare()
    folder = options.out
    with _status(options) as progress:
        from msgreen.cli.simulation import forget, simulate
        from msgreen.io import read_model, replacing_files
        from msgreen.papers.brinker import published_model

        model = published_model(options.model) or read_model(options.model)
        names = ("simulation.csv", "simulation.nc", "state.ovf", "model.json")
        with replacing_files("--out", folder, "simulate", names) as stage:
            outcome = simulate(
                model,
                folder=folder,
                stage=stage,
                temperatures=options.temperatures,
                box=options.box,
                critical=options.critical,
                samples=options.samples,
                interval=options.interval,
                seed=options.seed,
                progress=progress,
            )
            files = write_outcome(outcome, stage, folder, "simulation", model)
        forget(folder)
    say(options, outcome.summary, files, [_about_model(folder / "model.json")])
    return 0


def _run(options: argparse.Namespace) -> int:
    prepare(distributed=options.distributed)
    # From the configuration, whose host may take long to be built, to the last picture.
    with _status(options) as progress:
        said = _ran(options, progress)
    if said:
        say(options, *said)
    return 0


def _ran(options: argparse.Namespace, progress: bool) -> tuple:
    """Run a configuration, write its results and return what to say, nothing if others write."""
    from msgreen.cli.long_runs import kept_blocks
    from msgreen.cli.session import is_first
    from msgreen.config import naming, read_config, toml_text
    from msgreen.config.schema import Output
    from msgreen.config.shipped import configuration
    from msgreen.io import replacing, replacing_files
    from msgreen.papers.runs import EXAMPLE, KINDS

    source = configuration(options.config or EXAMPLE)
    config = read_config(source, KINDS)
    if options.check:
        return ([f"{source}: nothing to mend"],)
    folder = options.out
    if not is_first():
        with naming(source), kept_blocks(config, folder, options.resume):
            config.run(progress=False)
        return ()
    names = [f"{config.table}.csv", f"{config.table}.nc", "model.json"]
    writes_config = not _is_own_config(source, folder)
    with replacing_files("--out", folder, "run", names + ["config.toml"] * writes_config) as stage:
        with naming(source), kept_blocks(config, folder, options.resume):
            outcome = config.run(progress=progress)
        # Who wants no pictures wants no page of them.
        page = getattr(config, "output", Output()).figures
        files = write_outcome(outcome, stage, folder, config.table, outcome.model, page=page)
        if writes_config:
            with replacing(stage / "config.toml") as part:
                part.write_text(toml_text(config, program()), encoding="utf-8")
    # What can be handed over: the model, or the interactions themselves.
    hand = files["model"] or [folder / names[1]] * ("kinds" in outcome.dataset.attrs)
    hints = [_about_model(path) for path in hand]
    hints.append(f"Run again: msgreen run {_quoted(folder / 'config.toml')}")
    return outcome.summary, files, hints


@contextmanager
def _status(options: argparse.Namespace) -> Iterator[bool]:
    """Say what takes the time, and whether bars may be shown."""
    from msgreen.cli.session import is_first
    from msgreen.cli.status import status

    shown = is_first() and sys.stderr.isatty() and not options.quiet
    with status(shown, is_first() and options.verbose):
        yield shown


def _is_own_config(config: Path, folder: Path) -> bool:
    """Whether the configuration that is run lies in the folder of the results as the user's."""
    from msgreen.io.results import foreign_files

    target = folder / "config.toml"
    same = target.exists() and target.samefile(config)
    return same and bool(foreign_files(folder, "run", ["config.toml"]))


def _about_model(path: Path) -> str:
    return f"Hand over: msgreen export {_quoted(path)} --to ..."


def _quoted(path: Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))


def _doctor(options: argparse.Namespace) -> int:
    from msgreen.cli.doctor import doctor

    say(options, doctor())
    return 0
