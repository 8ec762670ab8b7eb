"""What a training raises that cannot go on."""


class RunError(ValueError):
    """A training that cannot go on, or a folder that holds another one; says what to do."""
