"""``manage.py dealer run | cycles | show | explain``."""

from dealer.settings import SettingsError
from inventory.subcommands import SubcommandsCommand
from inventory.tuning import TuningError


class Command(SubcommandsCommand):
    """Distributes data: runs cycles, shows them, explains why something went where it went, or nowhere."""

    help = "distribution of data: run cycles, look at them, explain decisions"
    package = "dealer.commands"
    names = ("run", "cycles", "show", "explain")
    errors = (SettingsError, TuningError)
