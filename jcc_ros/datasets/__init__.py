"""Labelled images from files: what training learns from and evaluation measures on."""
