"""The two halves: as torch modules that are trained, as what runs, and the files they travel in.

What runs does so without torch, on ONNX Runtime. Torch modules, for training alone, are in
classifier, encoder, layers and low_rank.
"""
