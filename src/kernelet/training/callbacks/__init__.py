"""Callbacks: what happens during training besides training, with Keras' hooks."""
