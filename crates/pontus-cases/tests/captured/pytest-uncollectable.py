"""A module that cannot be collected."""
import no_such_module
