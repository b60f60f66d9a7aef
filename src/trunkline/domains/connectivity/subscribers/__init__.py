"""SIM subscribers of the network."""
