"""The countries and subdivisions whose holidays are known: a table made of the `holidays` package.

Checking a code against the package itself would cost every cold start its import.
"""

import json

import holidays


def codes() -> str:
    """JSON, a country a line; the package knows each country by a longer code too, which is left out."""
    known = holidays.list_supported_countries()
    lines = (f"{json.dumps(code)}: {json.dumps(sorted(known[code]))}" for code in sorted(known) if len(code) == 2)
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    print(codes())
