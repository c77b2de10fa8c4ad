"""What an auditor asks of the volumes of a cluster, day by day: gathered, summed up, and written as one page."""
