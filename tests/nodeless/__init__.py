"""A kubelet for one machine without containers: it runs the pods of a real control plane as local processes."""
