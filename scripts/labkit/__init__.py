"""What scripts/lab, scripts/demo and the system tests are made of. docs/lab.md tells the story.

One module an idea: layout (names and addresses), namespaces (being on a host), processes (pids that cannot be mistaken),
state (what survives the command), fabric (hosts and links), services (the daemons), pods and cni (what a runtime does),
cri and containerd (a real runtime), lab (up, down, status), cli (the command line).
"""
