"""Features in a plane: PCA and t-SNE by scikit-learn, the same each time."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PERPLEXITY = 30.0  # of t-SNE, about the number of neighbours that count; lower for few images
REDUCED = 50  # dimensions that t-SNE starts from, by PCA, as van der Maaten & Hinton 2008
SEED = 0


def pca(features: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first two principal components (N, 2), and the fraction of variance of each (2,).

    Args:
        features: (N, D), N at least 2; of one feature, the second component is 0.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(features, np.float64)
    if values.shape[1] < 2:
        values = np.hstack([values, np.zeros((len(values), 1))])
    model = PCA(n_components=2, random_state=SEED)
    with np.errstate(invalid="ignore", divide="ignore"):  # features that are all the same
        points = model.fit_transform(values)
    return points, np.nan_to_num(model.explained_variance_ratio_)


def tsne(features: ArrayLike) -> NDArray[np.float64]:
    """t-SNE (van der Maaten & Hinton 2008) of features (N, D), N at least 5, started by PCA: (N, 2)

    Distances between clusters mean little, and neither do axes.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    values = np.asarray(features, np.float64)
    most = min(REDUCED, *values.shape)
    if values.shape[1] > most:
        values = PCA(n_components=most, random_state=SEED).fit_transform(values)
    perplexity = min(PERPLEXITY, (len(values) - 1) / 4)
    start = "pca" if values.shape[1] > 1 else "random"
    model = TSNE(n_components=2, perplexity=perplexity, init=start, random_state=SEED)
    points: NDArray[np.float64] = model.fit_transform(values).astype(np.float64)
    return points
