"""A Flower app that the tests of fedx run."""
