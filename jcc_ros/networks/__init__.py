"""The two halves: as torch modules that are trained, as what runs, and the files they travel in.

The robot's half runs without torch: architecture, preprocess, graph, deployed_encoder, model_file
and encoder_model. The rest is for training and for the host.
"""
