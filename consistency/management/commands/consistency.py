"""``manage.py consistency run | clean | runs | show``."""

from consistency.knowledge import UnknownSite
from consistency.settings import SettingsError
from inventory.subcommands import SubcommandsCommand
from inventory.tuning import TuningError


class Command(SubcommandsCommand):
    """Checks sites against the inventory, repairs them, and tells what was found."""

    help = "compare what sites hold with the inventory, and repair it"
    package = "consistency.commands"
    names = ("run", "clean", "runs", "show")
    errors = (UnknownSite, SettingsError, TuningError)
