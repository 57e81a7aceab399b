"""Compares topwork's VGG16 trunk with Keras's on the same pictures.

    topwork extract DATA --model vgg16 --weights W.h5 --layer block5_pool --split test --limit 16 -o f.npy
    python tools/compare_trunk.py W.h5 DATA f.npy

Needs tensorflow-cpu, keras, opencv-python-headless and numpy from PyPI. DATA is a folder with MNIST's
gzipped IDX files; the pictures are those of the test set, resized by OpenCV without IPP. Prints the
largest absolute error, and that relative to the largest and to each picture's own norm.
"""
import gzip
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import cv2
import keras
import numpy as np
import tensorflow as tf
from keras.applications import vgg16

weights, data, features = sys.argv[1:4]
cv2.ipp.setUseIPP(False)
ours = np.load(features)
with gzip.open(os.path.join(data, "t10k-images-idx3-ubyte.gz")) as f:
    digits = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28)[: len(ours)]
pictures = np.stack([np.stack((cv2.resize(d, (224, 224), interpolation=cv2.INTER_CUBIC),) * 3, -1) for d in digits])
preprocess = sys.argv[4] if len(sys.argv) > 4 else "caffe"
x = pictures.astype(np.float32)
if preprocess == "caffe":
    x = vgg16.preprocess_input(x)
model = vgg16.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
model.load_weights(weights)
theirs = model.predict(x, verbose=0)
error = np.abs(ours - theirs)
norms = np.linalg.norm((ours - theirs).reshape(len(ours), -1), axis=1) / np.linalg.norm(theirs.reshape(len(ours), -1), axis=1)
print(f"keras {keras.__version__}, tensorflow {tf.__version__}, opencv {cv2.__version__}, numpy {np.__version__}")
print(f"{len(ours)} pictures, preprocessing {preprocess}, output {theirs.shape[1:]}, largest value {np.abs(theirs).max():.6g}")
print(f"largest absolute error {error.max():.3g}, relative to the largest value {error.max() / np.abs(theirs).max():.3g}")
print(f"error norm relative to a picture's norm: largest {norms.max():.3g}, mean {norms.mean():.3g}")
