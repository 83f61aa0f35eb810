"""Users' own programs and sequences of them: submitted, followed by their logs, ended; started and stopped."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.response import Response

from registry import insight, operating
from registry.access import KNOWN, Access
from registry.api.columns import by_name
from registry.api.problems import TOLD_AS, Invalid, Wrong
from registry.api.rows import of_model, row_of
from registry.api.schema import example
from registry.api.strict import Body, Boolean, Choice, Integer, Items, Number, Query, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import NotThere
from scheduler import applications, sequences
from scheduler.errors import ProgramNotAuthorised, ProgramNotFound, ProgramRefused, TooManyPrograms
from scheduler.models import Application, Level, Sequence

TOLD_AS.update(
    {
        TooManyPrograms: "too-many-calls",
        ProgramRefused: "refused",
        ProgramNotFound: "refused",
        ProgramNotAuthorised: "denied",
    }
)
_LARGEST_LOG = 1024 * 1024
FIELDS = by_name(*of_model(
    Application, "id", "title", "author", "level", "path", "sha256", "arguments", "limit", "state", "step", "run", "job", "queued_at",
    "assigned_at", "started_at", "ended_at", "exit_code", "error", "killed_by", title="hello",
))  # fmt: skip
# What a program is given, and why it failed, is its user's own business.
LISTED = {name: column for name, column in FIELDS.items() if name not in ("arguments", "error")}
SEQUENCES = by_name(
    *of_model(
        Sequence, "id", "name", "restart", "enabled", "phase", "position", "until", "rounds", "failures", "changed_at"
    )
)
STANDING = {
    "type": "object", "additionalProperties": True, "required": ["name", "owner", "enabled", "phase", "steps"],
    "description": "The sequence with its steps: what each does, the state of its last program, and why that failed.",
}  # fmt: skip


@example(title="hello", content="cHJpbnQoImhlbGxvIikK", arguments=["--deep"], level="read")
class ProgramSubmitted(Body):
    """A program: its content, or the path of a registered one."""

    title = Text(max_length=128, required=False, allow_blank=True, default="")
    content = Text(max_length=32 * 1024 * 1024, required=False, allow_null=True, default=None, help_text="base64")
    path = Text(max_length=1024, required=False, allow_blank=True, default="", help_text="below an allowed directory")
    arguments = Items(child=Text(max_length=65536, allow_blank=True), max_length=1000, required=False, default=list)
    level = Choice(
        choices=Level.values, required=False, default=Level.READ.value, help_text="what it may do besides computing"
    )
    limit = Number(required=False, allow_null=True, default=None, min_value=0.001, help_text="seconds it may take")


@example(text="{hello} = /opt/programs/hello.py\n[SEQUENCE daily]\n| {hello}\nWAIT 86400\n")
class SequenceFile(Body):
    """Sequences as existing installations write them."""

    text = Text(max_length=1024 * 1024)


@example(kill=False)
class Stopped(Body):
    """Whether its present program is ended, too."""

    kill = Boolean(required=False, default=False)


class LogPart(Query):
    """Which part of a log."""

    offset = Integer(
        default=0, min_value=-(2**40), max_value=2**40, help_text="first byte; negative: from that many before the end"
    )
    most = Integer(default=65536, min_value=1, max_value=_LARGEST_LOG, help_text="bytes")


class Log(serializers.Serializer[Any]):
    """Part of a log; no more will come once it has ended and `next` stays where it was."""

    text = serializers.CharField()
    offset = serializers.IntegerField()
    next = serializers.IntegerField()
    ended = serializers.BooleanField()


class Imported(serializers.Serializer[Any]):
    """Names of sequences."""

    names = serializers.ListField(child=serializers.CharField())


class Changed(serializers.Serializer[Any]):
    """Whether that changed anything."""

    changed = serializers.BooleanField()


class Programs(Resource):
    """Programs as they were submitted."""

    largest_body = 48 * 1024 * 1024

    @listing(LISTED)
    def list(self, call: Call) -> QuerySet[Application]:
        """Programs, newest first; what each was given and why it failed, its own address tells its author and operators."""
        return Application.objects.all()

    @operation(body=ProgramSubmitted, answer=FIELDS, status=201)
    def create(self, call: Call) -> HttpResponseBase:
        """Queue a program; one that writes has to be authorised, by exactly its content."""
        given = call.body
        row = operating.submit(call.caller, **{**given, "content": _content(given["content"])})
        return call.made(row_of(row, FIELDS), f"/api/v1/applications/{row.pk}")

    @operation(answer=FIELDS)
    def show(self, call: Call) -> dict[str, Any]:
        """One program; only its author and operators on application see `arguments` and `error`."""
        row = _program(call)
        shown = row_of(row, FIELDS)
        if not insight.sees(call.caller, row.author):
            shown |= {"arguments": [], "error": insight.HIDDEN if row.error else ""}
        return shown

    @operation(query=LogPart, answer=Log)
    def log(self, call: Call) -> Mapping[str, Any]:
        """What a program wrote, for its author and operators on application: ask again from `next` on."""
        row = _program(call)
        insight.require(call.caller, row.author)
        part = applications.log(row, call.query["offset"], call.query["most"])
        return {"text": part.text, "offset": part.offset, "next": part.next, "ended": part.ended}

    @operation(answer=Changed, status=202)
    def kill(self, call: Call) -> Mapping[str, bool]:
        """End a program: its author, or an operator; nothing of it is written."""
        return {"changed": operating.kill(call.caller, _program(call))}


class Sequences(Resource):
    """Programs one after the other."""

    @listing(SEQUENCES)
    def list(self, call: Call) -> QuerySet[Sequence]:
        """All sequences."""
        return Sequence.objects.all()

    @operation(answer=STANDING)
    def show(self, call: Call) -> Mapping[str, Any]:
        """One sequence with its steps and how they ended last."""
        return _standing(call, _sequence(call))

    @operation(body=SequenceFile, answer=Imported, status=201)
    def load(self, call: Call) -> Mapping[str, Any]:
        """Make the sequences of a file, stopped, or give those of the same names and owner its steps; all or none."""
        return {"names": operating.import_sequences(call.caller, call.body["text"])}

    @operation(answer=OpenApiTypes.STR)
    def export(self, call: Call) -> HttpResponseBase:
        """A sequence as a file of existing installations, as a JSON text; for its owner and operators on application."""
        name = _sequence(call)
        insight.require(call.caller, sequences.get(name).owner.get_username())
        return Response(sequences.export_text([name]))

    @operation(answer=Changed)
    def start(self, call: Call) -> Mapping[str, bool]:
        """Have it go on."""
        return {"changed": operating.start(call.caller, _sequence(call))}

    @operation(body=Stopped, answer=STANDING)
    def stop(self, call: Call) -> Mapping[str, Any]:
        """Have it do no further step; its present program goes on to its end unless `kill`."""
        name = _sequence(call)
        operating.halt(call.caller, name, kill=call.body["kill"])
        return _standing(call, name)


def _content(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid([Wrong("content", "this is not base64")]) from None


def _program(call: Call) -> Application:
    return call.one(Application.objects.all(), "there is no program")


def _sequence(call: Call) -> str:
    name = str(call.path["name"])
    if not Sequence.objects.filter(name=name).exists():
        raise NotThere(f"there is no sequence called {name[:128]}")
    return name


def _standing(call: Call, name: str) -> dict[str, Any]:
    return dataclasses.asdict(sequences.views([name], partial(insight.sees, call.caller))[0])


_SUBMIT = Access(change=KNOWN, target="application", note="writing: programs that are authorised")
_CONTROL = Access(change=("operator", "application"), target="application")
urlpatterns = [
    route("applications", Programs, {"get": "list", "post": "create"}, access=_SUBMIT),
    route(
        "applications/<int:number>", Programs, {"get": "show"}, name="v1-applications-one", access=Access(read=KNOWN)
    ),
    route(
        "applications/<int:number>/log",
        Programs,
        {"get": "log"},
        name="v1-applications-log",
        access=Access(read=KNOWN, note="its author, or operators on application"),
    ),
    route("applications/<int:number>/kill", Programs, {"post": "kill"}, name="v1-applications-kill", access=_SUBMIT),
    route("sequences", Sequences, {"get": "list", "post": "load"}, access=_CONTROL),
    route("sequences/<str:name>", Sequences, {"get": "show"}, name="v1-sequences-one"),
    route(
        "sequences/<str:name>/file",
        Sequences,
        {"get": "export"},
        name="v1-sequences-file",
        access=Access(read=KNOWN, note="its owner, or operators on application"),
    ),
    *(
        route(f"sequences/<str:name>/{verb}", Sequences, {"post": verb}, name=f"v1-sequences-{verb}", access=_CONTROL)
        for verb in ("start", "stop")
    ),
]
