"""The detectives: docket, specialists, proof; one bug, one fix."""
