"""The two halves: as torch modules that are trained, as what runs, and the files they travel in.

What runs does so without torch, on ONNX Runtime: architecture, preprocess, graph, runtime, the
deployed_ modules, model_file and the _model modules. The rest is for training and for evaluation.
"""
