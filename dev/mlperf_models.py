#!/usr/bin/env python3
"""Makes models with the architectures of MLPerf Tiny's key-word spotter and image classifier, in full-integer int8.

    pip install tensorflow-cpu
    dev/mlperf_models.py FOLDER

Writes FOLDER/ds-cnn.tflite and FOLDER/resnet-8.tflite: the layers of the benchmark's definitions
(github.com/mlcommons/tiny) with random weights, calibrated with random images. Instructions and memory do not depend on
the weights. The same versions of Python's packages write the same files.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

layers = tf.keras.layers


def normalised(x):
    """Batch normalisation with statistics as after training, so that no map dies."""
    moments = {"gamma_initializer": tf.keras.initializers.RandomUniform(0.7, 1.3, seed=1),
               "beta_initializer": tf.keras.initializers.RandomUniform(-0.3, 0.3, seed=2)}
    return layers.BatchNormalization(**moments)(x)


def ds_cnn():
    """Key words: 49 frames of 10 coefficients, 12 words."""
    image = x = layers.Input((49, 10, 1), 1)
    x = layers.Activation("relu")(normalised(layers.Conv2D(64, (10, 4), 2, "same")(x)))
    x = layers.Dropout(0.2)(x)
    for _ in range(4):
        x = layers.Activation("relu")(normalised(layers.DepthwiseConv2D(3, 1, "same")(x)))
        x = layers.Activation("relu")(normalised(layers.Conv2D(64, 1, 1, "same")(x)))
    x = layers.Dropout(0.4)(x)
    x = layers.Flatten()(layers.AveragePooling2D(x.shape[1:3])(x))
    return tf.keras.Model(image, layers.Dense(12, "softmax")(x))


def resnet_8():
    """Images: 32×32 in colour, 10 classes; the first version of the residual network."""
    image = x = layers.Input((32, 32, 3), 1)
    x = layers.Activation("relu")(normalised(layers.Conv2D(16, 3, 1, "same")(x)))
    for width, stride in [(16, 1), (32, 2), (64, 2)]:
        y = layers.Activation("relu")(normalised(layers.Conv2D(width, 3, stride, "same")(x)))
        y = normalised(layers.Conv2D(width, 3, 1, "same")(y))
        if stride > 1:
            x = layers.Conv2D(width, 1, stride, "same")(x)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(x.shape[1:3])(x))
    return tf.keras.Model(image, layers.Dense(10, "softmax")(x))


def make(model, low, high):
    """The model in int8, calibrated with images from `low` to `high`."""
    random = np.random.default_rng(1)

    def images():
        for _ in range(20):
            yield [random.uniform(low, high, (1, *model.input_shape[1:])).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = images
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: dev/mlperf_models.py FOLDER")
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, network, low, high in [("ds-cnn", ds_cnn, -40, 60), ("resnet-8", resnet_8, 0, 255)]:
        tf.keras.utils.set_random_seed(1)
        with open(f"{sys.argv[1]}/{name}.tflite", "wb") as file:
            file.write(make(network(), low, high))
