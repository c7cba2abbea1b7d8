"""Layers: modules with state (`Module`) over functions without (`functional`)."""

from minicnn.nn import functional, init
from minicnn.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from minicnn.nn.containers import ModuleDict, ModuleList, Sequential
from minicnn.nn.convolution import Conv2d
from minicnn.nn.linear import Flatten, Identity, Linear
from minicnn.nn.loss import CrossEntropyLoss, NLLLoss
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.nn.pooling import AvgPool2d, MaxPool2d
