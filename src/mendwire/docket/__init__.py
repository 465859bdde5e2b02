"""The docket: every case of a namespace, and the workers that hold them, in one bucket."""
