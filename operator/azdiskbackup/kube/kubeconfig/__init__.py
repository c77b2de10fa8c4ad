"""How the API server is reached: a kubeconfig that was named, or the pod's own service account."""
