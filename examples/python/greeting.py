"""Says hello."""


def greeting(name):
    """A greeting for NAME; for the world, where there is none."""
    return f"Hello, {name or 'world'}!"
