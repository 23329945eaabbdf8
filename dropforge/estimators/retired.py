"""What scikit-learn once had and has no more: parameters, words and classes, since when, and what took their place.

The only thing about estimators that is typed in. A test holds it to the installed version: nothing here exists there
any more, and what is named instead does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dropforge.estimators.registry import Entry, registry, short_names


@dataclass(frozen=True)
class Retired:
    """What is gone: from these classes ("*": from all), since which version, what to do, and what took its place."""

    classes: str
    name: str
    since: str
    instead: str
    replacement: str = ""

    def concerns(self, entry: Entry) -> bool:
        """Whether it was the entry's."""
        return entry.path.startswith("sklearn.") and (self.classes == "*" or entry.name in self.classes.split())


_TREES = "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor"
_FORESTS = "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor"
_BOOSTERS = "GradientBoostingClassifier GradientBoostingRegressor"
_ONLINE = "SGDClassifier SGDRegressor Perceptron PassiveAggressiveClassifier PassiveAggressiveRegressor"
_LINEAR = (
    "LinearRegression Ridge RidgeCV RidgeClassifier RidgeClassifierCV Lasso LassoCV ElasticNet ElasticNetCV "
    "MultiTaskLasso MultiTaskLassoCV MultiTaskElasticNet MultiTaskElasticNetCV BayesianRidge ARDRegression"
)
_LARS = "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV"
_ESTIMATOR = "It is called 'estimator' now."
_SCALE = "Put a StandardScaler before it, in a Pipeline."

PARAMETERS = (
    Retired("LogisticRegression LogisticRegressionCV", "multi_class", "1.8",
            "Leave it out: it is multinomial. For 'ovr', put it into a OneVsRestClassifier."),
    Retired("AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor CalibratedClassifierCV",
            "base_estimator", "1.4", _ESTIMATOR, "estimator"),
    Retired("RANSACRegressor", "base_estimator", "1.3", _ESTIMATOR, "estimator"),
    Retired("SelfTrainingClassifier", "base_estimator", "1.8", _ESTIMATOR, "estimator"),
    Retired("ClassifierChain RegressorChain", "base_estimator", "1.9", _ESTIMATOR, "estimator"),
    Retired("AdaBoostClassifier", "algorithm", "1.8", "Leave it out: it is SAMME."),
    Retired("AgglomerativeClustering FeatureAgglomeration", "affinity", "1.4", "It is called 'metric' now.", "metric"),
    Retired(_LINEAR, "normalize", "1.2", _SCALE),
    Retired(_LARS, "normalize", "1.4", _SCALE),
    Retired(f"{_TREES} {_FORESTS} {_BOOSTERS}", "min_impurity_split", "1.0",
            "Use 'min_impurity_decrease'.", "min_impurity_decrease"),
    Retired(f"{_TREES} {_BOOSTERS}", "presort", "0.24", "Leave it out."),
    Retired(_ONLINE, "n_iter", "0.21", "It is called 'max_iter' now.", "max_iter"),
    Retired("BayesianRidge ARDRegression", "n_iter", "1.5", "It is called 'max_iter' now.", "max_iter"),
    Retired("TSNE", "n_iter", "1.7", "It is called 'max_iter' now.", "max_iter"),
    Retired("KMeans MiniBatchKMeans", "n_jobs", "1.0", "Leave it out: it uses all the cores that it is given."),
    Retired("KMeans", "precompute_distances", "1.0", "Leave it out."),
    Retired("OneHotEncoder", "sparse", "1.4", "It is called 'sparse_output' now.", "sparse_output"),
    Retired("OneHotEncoder", "categorical_features", "0.22", "Choose the columns with a ColumnTransformer."),
    Retired("OneHotEncoder", "n_values", "0.22", "Use 'categories'.", "categories"),
    Retired("GridSearchCV RandomizedSearchCV", "iid", "0.24", "Leave it out."),
    Retired("IsolationForest", "behaviour", "0.24", "Leave it out."),
    Retired("NMF MiniBatchNMF", "alpha", "1.2", "Use 'alpha_W' and 'alpha_H'.", "alpha_W"),
    Retired("NMF", "regularization", "1.2", "Use 'alpha_W' and 'alpha_H'.", "alpha_W"),
    Retired("SimpleImputer", "verbose", "1.3", "Leave it out."),
    Retired("SimpleImputer", "axis", "0.22", "Leave it out: it fills columns."),
    Retired("RidgeCV RidgeClassifierCV", "store_cv_values", "1.7", "It is called 'store_cv_results' now.",
            "store_cv_results"),
    Retired("QuadraticDiscriminantAnalysis", "store_covariances", "0.21", "It is called 'store_covariance' now.",
            "store_covariance"),
    Retired("LabelPropagation", "alpha", "0.21", "Leave it out, or use LabelSpreading, which has it."),
    Retired("Birch", "copy", "1.8", "Leave it out."),
    Retired("TSNE", "square_distances", "1.3", "Leave it out."),
    Retired("SVC SVR NuSVC NuSVR LinearSVC LinearSVR LogisticRegression", "scale_C", "0.11", "Leave it out."),
    Retired("ColumnTransformer", "force_int_remainder_cols", "1.9", "Leave it out."),
)  # fmt: skip

_SQUARED = "Write squared_error."
WORDS: Mapping[str, tuple[Retired, ...]] = {
    "max_features": (
        Retired(f"{_TREES} {_FORESTS} {_BOOSTERS}", "auto", "1.3",
                "Write sqrt for a classifier; for a regressor, 1.0 takes all."),
    ),
    "loss": (
        Retired("SGDClassifier", "log", "1.3", "Write log_loss.", "log_loss"),
        Retired("SGDClassifier SGDRegressor", "squared_loss", "1.2", _SQUARED, "squared_error"),
        Retired("GradientBoostingClassifier", "deviance", "1.3", "Write log_loss.", "log_loss"),
        Retired("GradientBoostingRegressor", "ls", "1.2", _SQUARED, "squared_error"),
        Retired("GradientBoostingRegressor", "lad", "1.2", "Write absolute_error.", "absolute_error"),
        Retired("HistGradientBoostingRegressor", "least_squares", "1.2", _SQUARED, "squared_error"),
        Retired("HistGradientBoostingRegressor", "least_absolute_deviation", "1.2", "Write absolute_error.",
                "absolute_error"),
        Retired("HistGradientBoostingClassifier", "auto", "1.3", "Write log_loss.", "log_loss"),
        Retired("HistGradientBoostingClassifier", "binary_crossentropy", "1.3", "Write log_loss.", "log_loss"),
        Retired("HistGradientBoostingClassifier", "categorical_crossentropy", "1.3", "Write log_loss.", "log_loss"),
        Retired("LinearSVC", "l1", "1.0", "Write hinge.", "hinge"),
        Retired("LinearSVC", "l2", "1.0", "Write squared_hinge.", "squared_hinge"),
    ),
    "criterion": (
        Retired("*", "mse", "1.2", _SQUARED, "squared_error"),
        Retired("*", "mae", "1.2", "Write absolute_error.", "absolute_error"),
    ),
    "class_weight": (Retired("*", "auto", "0.19", "Write balanced.", "balanced"),),
    "algorithm": (
        Retired("KMeans BisectingKMeans", "auto", "1.3", "Write lloyd.", "lloyd"),
        Retired("KMeans BisectingKMeans", "full", "1.3", "Write lloyd.", "lloyd"),
    ),
    "gamma": (Retired("SVC SVR NuSVC NuSVR OneClassSVM", "auto_deprecated", "0.22", "Write scale.", "scale"),),
}  # fmt: skip

_NO_SUCCESSOR = ""
CLASSES = {
    "Imputer": ("0.22", "sklearn.impute.SimpleImputer"),
    "LDA": ("0.19", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"),
    "QDA": ("0.19", "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis"),
    "GMM": ("0.20", "sklearn.mixture.GaussianMixture"),
    "DPGMM": ("0.20", "sklearn.mixture.BayesianGaussianMixture"),
    "VBGMM": ("0.20", "sklearn.mixture.BayesianGaussianMixture"),
    "GaussianProcess": ("0.20", "sklearn.gaussian_process.GaussianProcessRegressor"),
    "RandomizedPCA": ("0.20", "sklearn.decomposition.PCA"),
    "ProjectedGradientNMF": ("0.19", "sklearn.decomposition.NMF"),
    "WardAgglomeration": ("0.17", "sklearn.cluster.FeatureAgglomeration"),
    "LSHForest": ("0.21", "sklearn.neighbors.NearestNeighbors"),
    "EllipticEnvelop": ("0.11", "sklearn.covariance.EllipticEnvelope"),
    "RandomizedLogisticRegression": ("0.21", _NO_SUCCESSOR),
    "RandomizedLasso": ("0.21", _NO_SUCCESSOR),
}

# Modules that are gone; where no successor is named, their classes are in the module above.
MODULES = {
    "sklearn.cross_validation": ("0.20", "sklearn.model_selection"),
    "sklearn.grid_search": ("0.20", "sklearn.model_selection"),
    "sklearn.learning_curve": ("0.20", "sklearn.model_selection"),
    "sklearn.lda": ("0.19", "sklearn.discriminant_analysis"),
    "sklearn.qda": ("0.19", "sklearn.discriminant_analysis"),
    "sklearn.hmm": ("0.17", _NO_SUCCESSOR),
    "sklearn.ensemble.forest": ("0.24", "sklearn.ensemble"),
    "sklearn.ensemble.bagging": ("0.24", "sklearn.ensemble"),
    "sklearn.ensemble.weight_boosting": ("0.24", "sklearn.ensemble"),
    "sklearn.ensemble.gradient_boosting": ("0.24", "sklearn.ensemble"),
    "sklearn.ensemble.voting": ("0.24", "sklearn.ensemble"),
    "sklearn.ensemble.voting_classifier": ("0.22", "sklearn.ensemble"),
    "sklearn.tree.tree": ("0.24", "sklearn.tree"),
    "sklearn.svm.classes": ("0.24", "sklearn.svm"),
    "sklearn.neighbors.classification": ("0.24", "sklearn.neighbors"),
    "sklearn.neighbors.nearest_centroid": ("0.24", "sklearn.neighbors"),
    "sklearn.linear_model.logistic": ("0.24", "sklearn.linear_model"),
    "sklearn.linear_model.stochastic_gradient": ("0.24", "sklearn.linear_model"),
    "sklearn.linear_model.ridge": ("0.24", "sklearn.linear_model"),
    "sklearn.linear_model.perceptron": ("0.24", "sklearn.linear_model"),
    "sklearn.linear_model.passive_aggressive": ("0.24", "sklearn.linear_model"),
    "sklearn.neural_network.multilayer_perceptron": ("0.24", "sklearn.neural_network"),
    "sklearn.gaussian_process.gpc": ("0.24", "sklearn.gaussian_process"),
    "sklearn.semi_supervised.label_propagation": ("0.24", "sklearn.semi_supervised"),
    "sklearn.mixture.gaussian_mixture": ("0.24", "sklearn.mixture"),
    "sklearn.preprocessing.data": ("0.24", "sklearn.preprocessing"),
    "sklearn.preprocessing.label": ("0.24", "sklearn.preprocessing"),
    "sklearn.preprocessing.imputation": ("0.22", "sklearn.impute"),
    "sklearn.decomposition.pca": ("0.24", "sklearn.decomposition"),
    "sklearn.feature_selection.univariate_selection": ("0.24", "sklearn.feature_selection"),
    "sklearn.feature_extraction.stop_words": ("0.24", _NO_SUCCESSOR),
}


def retired_parameter(entry: Entry, name: str) -> Retired | None:
    """Return what became of a parameter that a class once had."""
    return next((retired for retired in PARAMETERS if retired.name == name and retired.concerns(entry)), None)


def retired_word(entry: Entry, parameter: str, value: Any) -> Retired | None:
    """Return what became of a word that a parameter once took."""
    found = WORDS.get(parameter, ())
    return next((retired for retired in found if retired.name == value and retired.concerns(entry)), None)


def retired_class(path: str) -> tuple[str, str] | None:
    """Return what became of a class path: what is wrong with it, and what to write; None if it never was one.

    The path of a private module is among them: it may be gone with any release.
    """
    module, _, name = path.rpartition(".")
    if name in CLASSES and (not module or module.partition(".")[0] == "sklearn"):
        since, successor = CLASSES[name]
        remedy = f"Write {successor}." if successor else "Choose another: nothing took its place."
        return f"'{path}' was removed from scikit-learn in {since}", remedy
    public = short_names().get(name)
    if module in MODULES:
        since, successor = MODULES[module]
        remedy = f"Write {public}." if public else f"Look into {successor}." if successor else "Choose another."
        return f"the module '{module}' was removed from scikit-learn in {since}", remedy
    if public and registry()[public].cls.__module__ == module:
        return f"'{path}' is a private path of scikit-learn, which may change with any release", f"Write {public}."
    return None
