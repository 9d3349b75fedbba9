"""What scripts/drill is made of: faults on purpose, in a lab, under probes that count every packet."""
