"""All derivatives of a function in one program, instead of one program for every order."""


def with_derivatives(f, modes):
    """Return the function that gives f and its derivatives, each by its mode of the one before."""

    def highest(t):
        return f(t), ()

    for mode in modes:
        highest = one_more(highest, mode)

    def every(t):
        last, lower = highest(t)
        return *lower, last

    return every


def one_more(highest, mode):
    def kept(t):
        last, lower = highest(t)
        return last, (*lower, last)

    return mode(kept, has_aux=True)
