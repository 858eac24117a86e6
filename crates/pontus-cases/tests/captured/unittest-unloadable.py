"""A module that cannot be loaded."""
import no_such_module
