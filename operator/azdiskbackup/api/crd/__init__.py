"""From the models to CustomResourceDefinitions; run by ``make crds``, never by the operator."""
