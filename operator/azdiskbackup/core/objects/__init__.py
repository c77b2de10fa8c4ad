"""Objects of Kubernetes and of Azure as the rules see them."""
