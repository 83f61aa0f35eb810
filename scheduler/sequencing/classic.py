"""Sequence files of existing installations: reading them with every mistake told, and writing them. Pure.

{detox} = /path/of/program      a program that may only read        # a comment
<inject> = /path/of/program     one that may write
[SEQUENCE night] restart        always from its first step; without it, from where it stopped
^[4] {detox} --cycle $(PARTITION)
WAIT 2 * 3600
TERMINATE
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scheduler.errors import ProgramRefused
from scheduler.models import Kind, Level, OnFailure
from scheduler.sequencing.expression import ExpressionWrong, seconds
from scheduler.sequencing.words import ArgumentsWrong, words

_PROGRAM = re.compile(r"(\{[^{}<>]+\}|<[^{}<>]+>)\s*=\s*(.*)\Z")
_HEADING = re.compile(r"\[\s*SEQUENCE\s+([^\]]+?)\s*\]\s*(.*)\Z")
_STEP = re.compile(r"([\^&|])\s*(?:\[([^\]]*)\])?\s*(\{[^{}<>]+\}|<[^{}<>]+>)\s*(.*)\Z")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_LONGEST_HOURS = 24 * 366
_LONGEST_NAME, _LONGEST_TEXT = 128, 1024 * 1024


@dataclass(frozen=True)
class FileStep:
    """One step as a file says it; ``limit_hours`` None: as tuned."""

    kind: str
    title: str = ""
    path: str = ""
    level: str = Level.READ
    arguments: str = ""
    on_failure: str = OnFailure.CONTINUE
    limit_hours: float | None = None
    wait: str = ""


@dataclass
class FileSequence:
    """One sequence as a file says it."""

    name: str
    restart: bool = False
    steps: list[FileStep] = field(default_factory=list)


def parse(text: str, file: str = "<sequences>") -> list[FileSequence]:
    """The sequences in ``text``. Raises ProgramRefused with every mistake, each with file and line."""
    if len(text) > _LONGEST_TEXT:
        raise ProgramRefused(f"{file} has {len(text)} characters; no file of sequences is longer than {_LONGEST_TEXT}")
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        plain = _without_comment(line).strip()
        if plain:
            _told(reader, number, plain)
    reader.end()
    if reader.mistakes:
        raise ProgramRefused("\n".join(f"{file}:{number}: {mistake}" for number, mistake in reader.mistakes))
    return reader.sequences


def _without_comment(line: str) -> str:
    """A # begins a comment at the line's start or after a space, unless it is within quotes or escaped."""
    quote, escaped = "", False
    for place, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


def _told(reader: _Reader, number: int, line: str) -> None:
    try:
        reader.line(number, line)
    except (ExpressionWrong, ArgumentsWrong, _Mistake) as error:
        reader.mistakes.append((number, str(error)))


class _Mistake(ValueError):
    """A line that cannot be understood."""


class _Reader:
    """What was read so far."""

    def __init__(self) -> None:
        self.sequences: list[FileSequence] = []
        self.mistakes: list[tuple[int, str]] = []
        self._programs: dict[str, str] = {}
        self._begun, self._has_steps = 0, False

    def line(self, number: int, line: str) -> None:
        """One line without comment."""
        if found := _PROGRAM.match(line):
            self._program(found[1], found[2].strip())
        elif line.startswith("["):
            self._heading(number, line)
        elif line.split()[0] == "WAIT":
            steps, wait = self._current().steps, line[4:].strip()
            seconds(wait)
            steps.append(FileStep(Kind.WAIT, wait=wait))
        elif line.split()[0] == "TERMINATE":
            steps = self._current().steps
            if line != "TERMINATE":
                raise _Mistake("nothing follows TERMINATE")
            steps.append(FileStep(Kind.TERMINATE))
        else:
            self._current().steps.append(self._step(line))

    def end(self) -> None:
        """The last sequence is complete."""
        if self.sequences and not self._has_steps:
            self.mistakes.append((self._begun, f"the sequence {self.sequences[-1].name} has no steps"))
        if not self.sequences and not self.mistakes:
            self.mistakes.append((1, "there is no [SEQUENCE name]"))

    def _current(self) -> FileSequence:
        if not self.sequences:
            raise _Mistake("a step stands before the first [SEQUENCE name]")
        self._has_steps = True
        return self.sequences[-1]

    def _program(self, title: str, path: str) -> None:
        if not path.startswith("/"):
            raise _Mistake(f"{title}: {path!r} is no absolute path of a program")
        if len(title) > _LONGEST_NAME or len(path) > 1024:
            raise _Mistake(f"{title[:40]}…: a title has at most {_LONGEST_NAME} characters, a path 1024")
        if self._programs.setdefault(title, path) != path:
            raise _Mistake(f"{title} stands for {self._programs[title]} already")

    def _heading(self, number: int, line: str) -> None:
        found = _HEADING.match(line)
        if found is None or len(found[1]) > _LONGEST_NAME:
            raise _Mistake(f"{line[:60]!r}: a sequence begins with [SEQUENCE name] or [SEQUENCE name] restart")
        if self.sequences:
            self.end()
        if found[1] in {sequence.name for sequence in self.sequences}:
            raise _Mistake(f"there are two sequences called {found[1]}")
        self._begun, self._has_steps = number, False
        self.sequences.append(FileSequence(found[1], found[2] == "restart"))
        if found[2] not in ("", "restart"):
            raise _Mistake(f"after [SEQUENCE {found[1]}] only restart may stand, not {found[2]!r}")

    def _step(self, line: str) -> FileStep:
        found = _STEP.match(line)
        if found is None:
            raise _Mistake(
                f"{line[:60]!r} is no step: ^, & or | with {{title}} or <title> and arguments, WAIT seconds, or TERMINATE"
            )
        title, arguments = found[3], found[4].strip()
        if title not in self._programs:
            near = difflib.get_close_matches(title, self._programs, 1)
            raise _Mistake(f"{title} is not set to a program above{f'; is {near[0]} meant?' if near else ''}")
        words(arguments)
        level = Level.WRITE if title.startswith("<") else Level.READ
        hours = None if found[2] is None else _hours(found[2].strip())
        return FileStep(Kind.RUN, title[1:-1], self._programs[title], level, arguments, found[1], hours)


def _hours(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not 0.0003 <= float(text) <= _LONGEST_HOURS:
        raise _Mistake(f"[{text}]: a limit is a number of hours above 0, up to {_LONGEST_HOURS}")
    return float(text)


def written(sequences: Iterable[FileSequence]) -> str:
    """The file that :func:`parse` reads as ``sequences``. Raises ProgramRefused when a title stands for two programs."""
    chosen = list(sequences)
    programs: dict[str, str] = {}
    for step in (step for sequence in chosen for step in sequence.steps if step.kind == Kind.RUN):
        if programs.setdefault(_title(step), step.path) != step.path:
            raise ProgramRefused(f"{_title(step)} stands for two programs; export these sequences one by one")
    blocks = ["\n".join(f"{title} = {path}" for title, path in programs.items())] if programs else []
    blocks += ["\n".join(_lines(sequence)) for sequence in chosen]
    return "\n\n".join(blocks) + "\n"


def _lines(sequence: FileSequence) -> list[str]:
    heading = f"[SEQUENCE {sequence.name}]{' restart' if sequence.restart else ''}"
    return [heading, *(_line(step) for step in sequence.steps)]


def _line(step: FileStep) -> str:
    plain: Mapping[str, str] = {Kind.WAIT: f"WAIT {step.wait}", Kind.TERMINATE: "TERMINATE"}
    hours = "" if step.limit_hours is None else f"[{step.limit_hours:.10g}]"
    return plain.get(step.kind, f"{step.on_failure}{hours} {_title(step)} {step.arguments}".rstrip())


def _title(step: FileStep) -> str:
    return f"<{step.title}>" if step.level == Level.WRITE else f"{{{step.title}}}"
