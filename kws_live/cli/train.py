"""Train a model from feature archives. The result is a folder with the network, its card and a report.

  kws-live train --recipe commands-12 --features features --out models/mine
  kws-live train --recipe my_recipe.toml --features words --features negatives --out models/mine

With about 100 recordings of a word, fine-tune a model: copy its recipe, add the word to the keywords, choose few epochs
and a learning_rate of 5e-4, and start from the model:

  kws-live prepare recordings --out words
  kws-live train --recipe mine.toml --fine-tune commands-12 --features features --features words --out models/mine

A recipe is a TOML file or the name of a shipped recipe; kws-live guide training explains its keys. An interrupted run
resumes and loses a few minutes at most; its state is kept next to the model, in OUT.training.

With a GPU, install JAX for it and train with KERAS_BACKEND=jax --precision mixed_bfloat16 --jobs 12: preparing the
batches on the CPU is then the bottleneck.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws_live.training.trainer import EpochFigures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a shipped recipe, or a TOML file")
    parser.add_argument(
        "--features",
        required=True,
        action="append",
        type=Path,
        metavar="DIR",
        help="a feature archive made by kws-live prepare; repeatable",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the model folder to create")
    parser.add_argument(
        "--start",
        "--fine-tune",
        type=Path,
        metavar="MODEL",
        help="a model, by name or folder, whose weights to start from; its words may differ",
    )
    parser.add_argument(
        "--test", type=Path, metavar="CSV", help="test recordings for the report, with the columns path,class"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="number of processes that prepare batches (default: 1)"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16"),
        default="float32",
        help="number format; half precision is faster on a GPU (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    from kws_live.cli.signals import signals
    from kws_live.errors import ConfigError
    from kws_live.training.dataset import FeatureArchive
    from kws_live.training.recipe import load_recipe

    if arguments.jobs < 1:
        raise ConfigError(f"--jobs {arguments.jobs} must be at least 1")
    recipe = load_recipe(arguments.recipe)
    for folder in arguments.features:
        FeatureArchive.open(folder)  # before Keras, which takes seconds to import
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        from kws_live.training.training_run import train_to_folder
    except ImportError as error:
        raise ConfigError(f'training needs {error.name}: pip install "kws-live[train]"') from error

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with signals.interrupting(), Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=None)

        def on_step(done: int, total: int, loss: float) -> None:
            bar.update(task, completed=done, total=total, description=f"training, loss {loss:.3f}")

        def on_epoch(row: "EpochFigures") -> None:
            bar.console.print(
                f"epoch {row.epoch:3}  loss {row.train_loss:.3f}  validation: loss {row.val_loss:.3f}, "
                f"right {100 * row.val_accuracy:.2f} %, mean over labels {100 * row.val_balanced_accuracy:.2f} %"
            )

        card = train_to_folder(
            recipe,
            arguments.features,
            arguments.out,
            arguments.start,
            arguments.jobs,
            arguments.test,
            _command(arguments),
            on_step,
            on_epoch,
            arguments.precision,
        )
    for name, figures in card.figures.items():
        if "right" in figures:
            print(
                f"{name}: "
                + ", ".join(f"{key.replace('_', ' ')} {100 * share:.2f} %" for key, share in figures.items())
            )
    print(f"the model is in {arguments.out}; listen with it: kws-live listen --model {arguments.out}")
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """Return the command for the report, with folder names instead of paths, which are private."""
    features = " ".join(f"--features {path.name}" for path in arguments.features)
    start = f" --start {arguments.start.name}" if arguments.start else ""
    recipe = Path(arguments.recipe).stem
    return f"kws-live train --recipe {recipe} {features}{start} --out {arguments.out.name}"
