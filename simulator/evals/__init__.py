"""How good a critic is: its findings on the labelled calls of `evals/critic`, in figures."""
