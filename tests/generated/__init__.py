"""What is committed and made from something else: the chart's CRDs and README, the kustomize base."""
