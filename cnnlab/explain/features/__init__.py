"""What a classifier makes of images before it decides: features, and pictures of them in a plane.

Read ``penultimate.py`` (the features), ``projection.py`` (PCA and t-SNE), ``scatter.py`` (the
figure), ``projector.py`` (files for TensorBoard).
"""
