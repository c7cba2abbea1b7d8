"""Readers of a trace: cards in a terminal, the whole terminal, a page for a browser."""

from minicnn.stepper import notebook
from minicnn.stepper.cards import card
from minicnn.stepper.page import save_page
from minicnn.stepper.screen import explore
from minicnn.stepper.terminal import show, walk
