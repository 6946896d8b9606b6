"""L0Learn in a process of its own, since its wheels end at Python 3.10.

It reads pickled ``(A, b, loss, k, intercept)`` from standard input, one after another, and
answers each with the pickled path: the coefficients at each penalty, shape (penalties, p), or
a text that says what went wrong.  ``l0learn_environment.sh`` makes the Python that runs it.
"""

import os
import pickle
import sys


def fit(A, b, loss, k, intercept):
    """Return the path of cyclic descent with partial swaps (CDPSI), L0Learn's better algorithm."""
    import l0learn
    import numpy as np

    model = l0learn.fit(
        np.array(A, order="F"),  # it wants arrays that own their data
        2 * b - 1 if loss == "logistic" else b.copy(),
        loss="Logistic" if loss == "logistic" else "SquaredError",
        penalty="L0",
        algorithm="CDPSI",
        max_support_size=2 * k,
        intercept=intercept,
    )
    return np.array(model.coeffs[0].toarray().T)


def main():
    """Answer until the other side closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what L0Learn prints must not get between the answers
    while True:
        try:
            problem = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = fit(*problem)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers, protocol=4)
        answers.flush()


if __name__ == "__main__":
    main()
