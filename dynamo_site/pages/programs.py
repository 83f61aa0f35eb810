"""Users' own programs: what runs and ran, submitting one, its log while it runs, ending it; and sequences of them."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dynamo_site.pages.acting import EXPECTED, blank, text_of, told
from dynamo_site.pages.queueing import is_operator
from dynamo_site.pages.shell import existing, page, shown
from registry import insight, operating
from registry.callers import caller_of
from scheduler import applications, sequences
from scheduler.models import OPEN_STATES, Application, Level, State
from scheduler.settings import scheduler_settings

_TARGET = "application"
_SHOWN_BYTES = 65_536


class ProgramForm(forms.Form):
    """A program, uploaded or by its path, what it is given, and what it may do."""

    upload = forms.FileField(
        label="Program",
        required=False,
        help_text="A file; it is run as it is, in its own process, with a snapshot of the inventory.",
    )
    path = forms.CharField(
        label="Or its path",
        required=False,
        max_length=1024,
        help_text="Of a registered program on the server, instead of a file.",
        widget=blank(forms.TextInput()),
    )
    title = forms.CharField(required=False, max_length=128, help_text="What it is called in the list.")
    arguments = forms.CharField(
        required=False,
        max_length=65_536,
        help_text="Words as a shell takes them apart; no shell sees them.",
        widget=blank(forms.TextInput()),
    )
    level = forms.ChoiceField(
        label="Rights",
        choices=Level.choices,
        initial=Level.READ,
        help_text="What it may do besides computing; to write it has to be authorised.",
    )
    hours = forms.FloatField(
        label="Time limit", required=False, min_value=0.001, help_text="Hours; it is ended after that."
    )

    def clean_arguments(self) -> list[str]:
        """The words."""
        try:
            return shlex.split(self.cleaned_data["arguments"])
        except ValueError as error:
            raise forms.ValidationError(f"cannot be taken apart: {error}") from error


@require_http_methods(["GET", "HEAD", "POST"])
def programs(request: HttpRequest) -> HttpResponse:
    """All of them, the newest first; sent, a program is queued."""
    form = ProgramForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _submitted(request, form)
        except EXPECTED as error:
            form.add_error(None, text_of(error))
        else:
            return redirect("application", number=made.pk)
    state, author = request.GET.get("state", ""), request.GET.get("author", "")
    rows = shown(request, applications.listed([state] if state in State.values else [], author))
    return page(
        request, "applications", "applications", {"rows": rows}, 400 if form.errors else 200, form=form, state=state, author=author, states=State.choices,
    )  # fmt: skip


def _submitted(request: HttpRequest, form: ProgramForm) -> Application:
    given = form.cleaned_data
    content = given["upload"].read(scheduler_settings().program_bytes + 1) if given["upload"] else None
    return operating.submit(
        caller_of(request), title=given["title"] or (given["upload"].name if given["upload"] else ""), content=content, path=given["path"],
        arguments=given["arguments"], level=given["level"], limit=given["hours"] * 3600 if given["hours"] else None,
    )  # fmt: skip


@require_safe
def program(request: HttpRequest, number: int) -> HttpResponse:
    """One of them, with the end of its log."""
    row = existing(Application.objects.select_related("run", "step__sequence"), number)
    return page(
        request, "applications", "application", {"row": row}, may_end=row.state in OPEN_STATES and operating.may_kill(caller_of(request), row), **_log(request, row)
    )  # fmt: skip


@require_safe
def log(request: HttpRequest, number: int) -> HttpResponse:
    """The state and the end of the log, as the page asks for it again and again."""
    row = existing(Application.objects.all(), number)
    return render(request, "pages/parts/application_log.html", {"row": row, **_log(request, row)})


def _log(request: HttpRequest, row: Application) -> dict[str, Any]:
    if not insight.sees(caller_of(request), row.author):
        return {"sees": False, "hidden": insight.HIDDEN, "ended": row.state not in OPEN_STATES}
    part = applications.log(row, -_SHOWN_BYTES, _SHOWN_BYTES)
    return {"sees": True, "log": part.text, "cut": part.offset > 0, "ended": part.ended}


@require_POST
def kill(request: HttpRequest, number: int) -> HttpResponse:
    """End a program: its author, or an operator."""
    row = existing(Application.objects.all(), number)
    with told(request, "It is being ended."):
        operating.kill(caller_of(request), row)
    return redirect("application", number=row.pk)


class SequencesForm(forms.Form):
    """A file of sequences, as existing installations have them."""

    text = forms.CharField(
        label="Sequence file", strip=False, max_length=1_000_000,
        help_text="{title} = path, <title> = path, [SEQUENCE name] restart, then steps: ^ & | with {title} and arguments, WAIT, TERMINATE.",
        widget=blank(forms.Textarea(attrs={"rows": 10})),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def sequence_list(request: HttpRequest) -> HttpResponse:
    """Where each of them and its steps stand; sent, an operator's file is taken in."""
    form = SequencesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operating.import_sequences(caller_of(request), form.cleaned_data["text"].replace("\r\n", "\n"))
        except EXPECTED as error:
            form.add_error("text", text_of(error))
        else:
            return redirect("sequences")
    return page(
        request, "sequences", "sequences", {"sequences": sequences.views(sees=partial(insight.sees, caller_of(request)))}, 400 if form.errors else 200, form=form, may_control=is_operator(request, _TARGET)
    )  # fmt: skip


@require_safe
def sequence_file(request: HttpRequest) -> HttpResponse:
    """All sequences as a file, that the caller may look into."""
    sees = partial(insight.sees, caller_of(request))
    answer = HttpResponse(sequences.export_text(sees=sees), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="sequences.txt"'
    return answer


@require_POST
def control(request: HttpRequest) -> HttpResponse:
    """Start or stop a sequence, or stop it and end its program."""
    name, action, caller = request.POST.get("name", ""), request.POST.get("action", ""), caller_of(request)
    with told(request, f"{name}: {'started' if action == 'start' else 'stopped'}."):
        if action == "start":
            operating.start(caller, name)
        else:
            operating.halt(caller, name, kill=action == "kill")
    return redirect("sequences")
