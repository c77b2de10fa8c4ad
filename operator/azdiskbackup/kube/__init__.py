"""The only package that imports the Kubernetes client: raw dicts on the wire, our errors instead of the client's."""
