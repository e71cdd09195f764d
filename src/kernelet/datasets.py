"""Known data sets, as ``keras.datasets`` gives them.

Examples
--------
>>> from kernelet.datasets import fashion_mnist
>>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP
"""

from kernelet.data import fashion_mnist

__all__ = ["fashion_mnist"]
