"""The convolution operator on arrays."""
