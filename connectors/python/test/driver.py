"""Makes the calls that a test in another language asks for: a JSON object a line in, and one out.

Its environment says where rootsd is, as for any Connector; its argument is the time-out in seconds.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rootsd import Connector, Error  # noqa: E402


def call(roots, method, args):
    """Makes one call, with its arguments as Python takes them."""
    if method == "updates":
        return roots.updates(args["updates"])
    if method == "update":
        options = {"except_" if name == "except" else name: value for name, value in args.items()}
        return roots.update(options.pop("path"), options.pop("message"), **options)
    listed = args.pop("paths", []) + args.pop("rooms", [])
    return getattr(roots, method)(args.pop("id"), *listed, **args)


def described(error):
    members = ("status", "reason", "detail", "entry", "field", "uncertain")
    return {"text": str(error), **{member: getattr(error, member) for member in members}}


def unmarked(value):
    """Puts what JSON cannot hold where it is asked for."""
    return float("nan") if value == {"$": "nan"} else value


def main():
    timeout = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    roots = Connector(timeout=timeout, raises=True)
    for line in sys.stdin:
        asked = json.loads(line, object_hook=unmarked)
        try:
            said = {"result": call(roots, asked["method"], asked["args"])}
        except Error as error:
            said = {"error": described(error)}
        print(json.dumps(said), flush=True)


main()
