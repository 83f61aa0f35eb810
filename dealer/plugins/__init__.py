"""What proposes copies: one module a plugin, found by name; installations add theirs by the entry point group ``dynamo.dealer_plugins``."""
