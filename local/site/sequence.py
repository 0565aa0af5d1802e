"""Draws Mermaid's sequence diagrams for the site as HTML, which its stylesheet lays out.

GitHub draws them with Mermaid itself, a script of 3.5 MB. The site needs no script: a diagram wraps its text to fit a
phone, follows light and dark, and without the stylesheet is a list of sentences.
"""

import re
from html import escape
from typing import Final

_PARTICIPANT: Final = re.compile(r"participant (\w+) as (.+)")
_MESSAGE: Final = re.compile(r"(\w+)(-?)->>(\w+): (.+)")
_NOTE: Final = re.compile(r"Note over (\w+): (.+)")
_KNOWN: Final = "`participant A as name`, `A->>B: text`, `A-->>B: text` and `Note over A: text`"


def drawn(diagram: str) -> str:
    """The HTML of a diagram, without a blank line, which would end it in Markdown.

    ValueError names the first line that is not drawn.
    """
    first, *lines = [line.strip() for line in diagram.strip().splitlines()]
    if first != "sequenceDiagram":
        raise ValueError(f"{first}: the site draws only Mermaid's sequenceDiagram (local/site/sequence.py)")
    names = {found[1]: escape(found[2]) for line in lines if (found := _PARTICIPANT.fullmatch(line))}
    steps = []
    for line in lines:
        if (found := _MESSAGE.fullmatch(line)) and {found[1], found[3]} <= names.keys() and found[1] != found[3]:
            steps.append(_message(names, found[1], found[3], found[4], "answer" if found[2] else "request"))
        elif (found := _NOTE.fullmatch(line)) and found[1] in names:
            steps.append(_note(names, found[1], found[2]))
        elif not _PARTICIPANT.fullmatch(line):
            raise ValueError(f"{line}: the site draws only {_KNOWN}, with participants that the diagram names")
    return "\n".join(
        [
            f'<div class="sequence" style="--participants: {len(names)}">',
            "<ul>",
            *(f'<li style="--at: {at}">{name}</li>' for at, name in enumerate(names.values())),
            "</ul>",
            "<ol>",
            *steps,
            "</ol>",
            "</div>",
        ]
    )


def _message(names: dict[str, str], sender: str, receiver: str, text: str, kind: str) -> str:
    """An arrow from the line of one participant to another's."""
    order = list(names)
    start, end = order.index(sender), order.index(receiver)
    direction = "right" if start < end else "left"
    place = f"--at: {min(start, end)}; --span: {abs(end - start)}"
    return _step(f"{kind} {direction}", place, f"{names[sender]} to {names[receiver]}", text)


def _note(names: dict[str, str], over: str, text: str) -> str:
    """A box over the line of one participant."""
    at = list(names).index(over)
    edge = " first" if at == 0 else " last" if at == len(names) - 1 else ""
    return _step(f"note{edge}", f"--at: {at}", names[over], text)


def _step(classes: str, place: str, who: str, text: str) -> str:
    """One step; `who` is for readers who do not see its place."""
    said = f'<span class="visually-hidden">{who}: </span><span class="text">{escape(text)}</span>'
    return f'<li class="{classes}" style="{place}">{said}</li>'
