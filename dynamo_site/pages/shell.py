"""What all pages share: the menu, and how a template is filled."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

MENU = [
    ("front", "Overview"),
    ("detox", "Detox"),
    ("requests", "Requests"),
    ("files", "Files"),
    ("checks", "Consistency"),
]


def page(request: HttpRequest, section: str, template: str, **context: Any) -> HttpResponse:
    """A page of the menu's ``section``."""
    return render(request, f"pages/{template}.html", {"menu": MENU, "section": section, **context})
