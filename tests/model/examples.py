"""Models that the tests of the model's file write."""

from __future__ import annotations

from kernelet import layers
from kernelet.layers import Input
from kernelet.model import Model, Sequential


def model() -> Sequential:
    made = Sequential(
        [
            Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, padding=((1, 0), (0, 1)), kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="classes"),
        ],
        name="little",
    )
    made.class_names = ("cat", "dog", "b\u202e<script>")
    made.preprocessing = {"image_size": [8, 8], "mean": [0.5]}
    made.training_record = {"seed": 3, "history": {"loss": [1.5, 0.25]}}
    made.get_layer("batch_normalization").moving_mean[...] = 0.5
    return made


def branched() -> Model:
    x = Input((8, 8, 2), name="picture")
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    y = layers.Add()([shared(x), shared(layers.ReLU()(x))])
    return Model(x, [layers.GlobalAveragePooling2D()(y), y])
