"""A real Kubernetes control plane as plain processes: etcd, kube-apiserver, kube-controller-manager, kubectl."""
