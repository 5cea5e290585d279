"""Prints updates as JSON, one a line: python3 -m roots http://localhost:8008/ 'public/**'."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser

from . import Roots, RootsError, Update
from .session import deeply
from .transports import TRANSPORTS


def main() -> int:
    """Runs the command, and returns its exit status: 1 if it was refused, 2 if it was called wrongly."""
    parser = _parser()
    said = parser.parse_args()
    try:
        headers = dict(map(_header, said.header))
        roots = Roots(said.url, said.connect, headers=headers, transport=said.transport, on_error=_complain)
        updates = roots.updates(*said.pattern, timeout=said.timeout)
    except ValueError as error:
        parser.error(str(error))
    with roots:
        try:
            for update in updates:
                print(_line(update), flush=True)
        except RootsError:
            return 1  # it was complained about already
        except KeyboardInterrupt:
            return 130  # as a shell says it
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its end
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python3 -m roots", description="Print updates as JSON, one a line.")
    add = parser.add_argument
    add("url", metavar="URL", help="where rootsd answers clients, such as http://localhost:8008/")
    add("pattern", metavar="PATTERN", nargs="+", help="a path, or a pattern such as 'orders/**'")
    add("--connect", metavar="URL", help="where the application connects its users; {id} stands for the ID "
        "of the client. Left out, the patterns have to be among those that push.open of rootsd opens")
    add("--header", metavar="NAME: VALUE", action="append", default=[], help="to the application; may repeat")
    add("--transport", choices=TRANSPORTS, default="long-poll")
    add("--timeout", metavar="SECONDS", type=float, help="end when nothing has come for so long")
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name.strip() or not colon:
        raise ValueError(f"--header is {text!r}; it should be like 'Cookie: sessionid=1234'")
    return name.strip(), value.strip()


def _line(update: Update) -> str:
    said = {"path": update.path, "message": update.message, "from": update.from_, "gap": update.gap}
    there = {key: value for key, value in said.items() if value or key in ("path", "message")}
    return deeply(json.dumps, there)  # one that was read can be written


def _complain(error: BaseException) -> None:
    print(f"roots: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
