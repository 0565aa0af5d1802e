"""Writes the table of countries and subdivisions whose holidays the `holidays` package knows.

Importing the package itself to check a code would slow down every cold start.
"""

import json

import holidays


def codes() -> str:
    """JSON, a line per country. The package also knows longer country codes, which are left out."""
    known = holidays.list_supported_countries()
    lines = (f"{json.dumps(code)}: {json.dumps(sorted(known[code]))}" for code in sorted(known) if len(code) == 2)
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    print(codes())
